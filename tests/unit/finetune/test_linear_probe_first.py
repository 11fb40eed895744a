"""The head is trained before the rest; a kill between the two changes nothing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from teacherspec.finetune import train as train_module
from teacherspec.finetune.inputs import Training, load_inputs
from teacherspec.finetune.linear_probe_first import HEAD_FILE
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.text import toy_base, toy_prepared
from tests.unit.finetune.test_train import TASK, digest

HEAD = {"epochs": 2, "learning_rate": 2e-2}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return toy_prepared(tmp_path_factory.mktemp("prepared"))


def declare(**values: Any) -> Finetune:
    defaults = {"epochs": 1, "batch_size": 32, "learning_rate": 5e-4, "linear_probe_first": HEAD}
    return Finetune.model_validate_json(json.dumps({**defaults, **values}))


def state(model: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def is_head(name: str) -> bool:
    return name.startswith("classifier")


def test_the_head_is_trained_alone_and_fine_tuning_starts_from_it(
    base: Path, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    training = Training(TASK, declare(), base, prepared, ModelInit())
    initial = state(load_inputs(training).model)
    probed = replace(training, head=train_module.train_head(training, Path("run")))
    with_head = state(load_inputs(probed).model)
    changed = {name for name in initial if not torch.equal(initial[name], with_head[name])}
    assert changed
    assert all(is_head(name) for name in changed)
    train_module.finetune(training, Path("run"), Path("out"))
    final = state(TASK.load(Path("out/model"))[0])
    assert [name for name in with_head if not is_head(name) and not torch.equal(with_head[name], final[name])]
    declared = json.loads(Path("out/training.json").read_text())["declared"]
    assert declared["linear_probe_first"] == HEAD
    assert declared["learning_rate"] == 5e-4


@pytest.mark.parametrize("method", [{"kind": "full"}, {"kind": "lora", "rank": 2}], ids=["full", "lora"])
def test_a_kill_between_head_and_rest_changes_nothing(
    base: Path, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    training = Training(TASK, declare(method=method), base, prepared, ModelInit())
    train_module.finetune(training, Path("run"), Path("uninterrupted"))
    train = train_module.train
    calls: list[str] = []

    def killed(*given: Any) -> Any:
        calls.append("")
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(*given)

    monkeypatch.setattr(train_module, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        train_module.finetune(training, Path("run"), Path("resumed"))
    assert (Path("run") / HEAD_FILE).is_file()
    train_module.finetune(training, Path("run"), Path("resumed"))
    assert len(calls) == 3, "the head is not trained a second time"
    assert digest(Path("resumed")) == digest(Path("uninterrupted"))
