"""The head alone before the rest: what moves when, and that a kill between the two changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from teacherspec.finetune import train as room
from teacherspec.finetune.linear_probe_first import FILE, head_section
from teacherspec.spec.finetune import Finetune, LinearProbeFirst
from teacherspec.splits import Prepared
from teacherspec.tasks.interfaces.model import ModelInit
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


def test_the_head_learns_alone_and_the_rest_starts_from_it(
    base: Path, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    section = declare()
    drawn = state(room.gather(TASK, section, base, prepared, ModelInit()).model)
    alone = head_section(section, LinearProbeFirst(**HEAD))
    file = room.first_head(TASK, alone, base, prepared, Path("run"), ModelInit())
    begun = state(room.gather(TASK, section, base, prepared, ModelInit(), file).model)
    moved = {name for name in drawn if not torch.equal(drawn[name], begun[name])}
    assert moved
    assert all(is_head(name) for name in moved)
    room.finetune(TASK, section, base, prepared, Path("run"), Path("out"))
    ended = state(TASK.load(Path("out/model"))[0])
    assert [name for name in begun if not is_head(name) and not torch.equal(begun[name], ended[name])]
    told = json.loads(Path("out/training.json").read_text())
    assert told["declared"]["linear_probe_first"] == HEAD
    assert told["declared"]["learning_rate"] == 5e-4


@pytest.mark.parametrize("method", [{"kind": "full"}, {"kind": "lora", "rank": 2}], ids=["full", "lora"])
def test_a_kill_between_head_and_rest_changes_nothing(
    base: Path, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    section = declare(method=method)
    room.finetune(TASK, section, base, prepared, Path("run"), Path("whole"))
    train = room.train
    calls: list[str] = []

    def killed(*given: Any) -> Any:
        calls.append("")
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(*given)

    monkeypatch.setattr(room, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        room.finetune(TASK, section, base, prepared, Path("run"), Path("again"))
    assert (Path("run") / FILE).is_file()
    room.finetune(TASK, section, base, prepared, Path("run"), Path("again"))
    assert len(calls) == 3, "the head is not trained a second time"
    assert digest(Path("again")) == digest(Path("whole"))
