"""The head starts as a fitted linear probe; a kill between the fit and the training changes nothing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from teacherspec.finetune import train as train_module
from teacherspec.finetune.inputs import Training, load_inputs
from teacherspec.finetune.linear_probe_first import HEAD_FILE, fit_head
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.unit.finetune.test_train import TASK, digest


def declare(**values: Any) -> Finetune:
    defaults = {"epochs": 1, "batch_size": 32, "learning_rate": 5e-4, "linear_probe_first": True}
    return Finetune.model_validate_json(json.dumps({**defaults, **values}))


def state(model: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def is_head(name: str) -> bool:
    return name.startswith("classifier")


@pytest.mark.parametrize("pooling", ["first", pytest.param("mean", marks=pytest.mark.slow)])
def test_fine_tuning_starts_from_the_head_that_is_best_on_frozen_features(
    base: Path, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pooling: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    training = Training(TASK, declare(), base, prepared, ModelInit(pooling=pooling))
    initial = state(load_inputs(training).model)
    probed = replace(training, head=fit_head(training, Path("run")))
    inputs = load_inputs(probed)
    with_head = state(inputs.model)
    changed = {name for name in initial if not torch.equal(initial[name], with_head[name])}
    assert changed == {"classifier.weight", "classifier.bias"}
    # Independent oracle: at the optimum of a fit with a bias, the mean of the probabilities of each class
    # over the train rows is the share of the class (the gradient with respect to the bias vanishes), up to
    # the one factor of the logits that validation chooses.
    batch = dict(TASK.collate(inputs.processor)([inputs.train[at] for at in range(len(inputs.train))]))
    labels = batch.pop("labels")
    with torch.no_grad():
        logits = TASK.logits(inputs.model.eval(), batch)
    shares = torch.bincount(labels, minlength=3) / len(labels)
    factors = torch.logspace(-2, 2, 4001)
    means = (factors[:, None, None] * logits).softmax(2).mean(1)
    assert (means - shares).abs().amax(1).min() < 1e-4
    train_module.finetune(training, Path("run"), Path("out"))
    final = state(TASK.load(Path("out/model"))[0])
    assert [name for name in with_head if not is_head(name) and not torch.equal(with_head[name], final[name])]


@pytest.mark.parametrize(
    "method",
    [
        pytest.param({"kind": "full"}, id="full", marks=pytest.mark.slow),
        pytest.param({"kind": "lora", "rank": 2}, id="lora"),
    ],
)
def test_a_kill_between_head_and_rest_changes_nothing(
    base: Path, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    section = declare(method=method, weight_interpolation=0.5)
    training = Training(TASK, section, base, prepared, ModelInit())
    train_module.finetune(training, Path("run"), Path("uninterrupted"))
    train = train_module.train

    def killed(*given: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(train_module, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        train_module.finetune(training, Path("run"), Path("resumed"))
    written = (Path("run") / HEAD_FILE).stat().st_mtime_ns
    monkeypatch.setattr(train_module, "train", train)
    seen: list[int] = []

    def observed(*given: Any) -> Any:
        seen.append((Path("run") / HEAD_FILE).stat().st_mtime_ns)
        return train(*given)

    monkeypatch.setattr(train_module, "train", observed)
    train_module.finetune(training, Path("run"), Path("resumed"))
    assert seen == [written], "the head is not fitted a second time"
    assert digest(Path("resumed")) == digest(Path("uninterrupted"))


@pytest.mark.slow
def test_interpolation_ends_between_the_fitted_start_and_the_trained_weights(
    base: Path, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    training = Training(TASK, declare(), base, prepared, ModelInit(pooling="mean"))
    start = state(load_inputs(replace(training, head=fit_head(training, Path("head")))).model)
    train_module.finetune(training, Path("run"), Path("trained"))
    train_module.finetune(
        replace(training, section=declare(weight_interpolation=0.25)), Path("run"), Path("out")
    )
    trained, found = (state(TASK.load(Path(name) / "model")[0]) for name in ("trained", "out"))
    assert any(not torch.equal(start[name], trained[name]) for name in start)
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, torch.lerp(start[name], trained[name], 0.25))
    facts = json.loads(Path("out/training.json").read_text())
    assert facts["validation"] != facts["validation_before_interpolation"]
