"""Fine-tuning on toys: the same bytes after repetition or a kill, and the same steps in any micro-batch."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from teacherspec.errors import DataError, UserError
from teacherspec.finetune import train as train_module
from teacherspec.finetune.checkpoints import MARKER, latest_complete, mark_complete
from teacherspec.finetune.inputs import Training, load_inputs
from teacherspec.finetune.lora import adapt, merge
from teacherspec.finetune.trainer import DeterministicTrainer
from teacherspec.runtime import machine
from teacherspec.spec.finetune import Finetune, Lora
from teacherspec.splits import Prepared
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.text_classification.task import TextClassification

TASK = TextClassification(kind="text_classification", max_length=16)


def declare(**values: Any) -> Finetune:
    defaults = {"epochs": 3, "batch_size": 32, "learning_rate": 5e-3}
    return Finetune.model_validate_json(json.dumps({**defaults, **values}))


def training(base: Path, prepared: Prepared, **values: Any) -> Training:
    section = declare(**values)
    return Training(TASK, section, base, prepared, ModelInit(section.dropout))


def run(base: Path, prepared: Prepared, name: str, **values: Any) -> Path:
    train_module.finetune(training(base, prepared, **values), Path("runs", name), Path(name))
    return Path(name)


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model" / "model.safetensors")


def test_learns_and_leaves_a_plain_folder(base: Path, prepared: Prepared) -> None:
    output = run(base, prepared, "out", epochs=15, batch_size=8, learning_rate=3e-3)
    summary = json.loads((output / "training.json").read_text())
    assert summary["validation"]["accuracy"] > 0.9
    assert set(digest(output)) >= {
        "model/config.json", "model/model.safetensors", "model/tokenizer.json",
        "log/steps.tsv", "log/evaluations.tsv", "training.json",
    }  # fmt: skip
    assert not [name for name in digest(output) if name.endswith((".bin", ".pt", ".pkl"))]
    assert not Path("runs/out").exists(), "checkpoints are scratch"
    written = b"".join(path.read_bytes() for path in output.rglob("*.json"))
    assert str(base).encode() not in written
    model, _ = TASK.load(output / "model")
    assert model.config.id2label == {0: "cold", 1: "hot", 2: "wet"}


def test_the_same_declaration_gives_the_same_bytes(base: Path, prepared: Prepared) -> None:
    assert digest(run(base, prepared, "first")) == digest(run(base, prepared, "second"))
    assert digest(Path("first")) != digest(run(base, prepared, "third", seed=1)), "a seed must matter"


@pytest.mark.parametrize(
    "loss", [{"kind": "cross_entropy", "label_smoothing": 0.1}, {"kind": "focal", "gamma": 2.0}]
)
def test_accumulation_does_not_change_the_trajectory(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch, loss: dict[str, Any]
) -> None:
    values = {"dropout": 0.0, "loss": loss, "class_weights": "balanced"}
    full = run(base, prepared, "full", **values)
    monkeypatch.setenv(machine.MICRO_BATCH, "8")
    accumulated = run(base, prepared, "accumulated", **values)
    steps = [np.loadtxt(folder / "log/steps.tsv", skiprows=1)[:, 2] for folder in (full, accumulated)]
    np.testing.assert_allclose(steps[0], steps[1], rtol=2e-5)
    a, b = (
        torch.cat([w.flatten() for _, w in sorted(weights(folder).items())]) for folder in (full, accumulated)
    )
    # By norm: where a single gradient is zero up to rounding, Adam makes a full step of either sign.
    assert ((a - b).norm() / a.norm()).item() < 1e-3


def test_with_the_loss_of_the_models_head_accumulation_changes_it(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: with the loss of the model's head, the steps depend on the micro-batch."""

    class OwnLoss(DeterministicTrainer):
        def __init__(self, compute_loss_func: Any, **values: Any) -> None:
            super().__init__(**values)

    monkeypatch.setattr(train_module, "DeterministicTrainer", OwnLoss)
    full = run(base, prepared, "full", dropout=0.0)
    monkeypatch.setenv(machine.MICRO_BATCH, "8")
    accumulated = run(base, prepared, "accumulated", dropout=0.0)
    first = [np.loadtxt(folder / "log/steps.tsv", skiprows=1)[0, 2] for folder in (full, accumulated)]
    assert first[1] / first[0] == pytest.approx(4.0, rel=0.02)


class KilledError(Exception):
    """Simulates a kill: nothing after the step happens."""


class KillAt(TrainerCallback):  # type: ignore[misc]
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise KilledError


def run_killed(base: Path, prepared: Prepared, name: str, step: int, **values: Any) -> None:
    killed = training(base, prepared, **values)
    original = train_module.DeterministicTrainer

    def with_kill(*args: Any, callbacks: list[Any], **rest: Any) -> DeterministicTrainer:
        return original(*args, callbacks=[*callbacks, KillAt(step)], **rest)

    train_module.DeterministicTrainer = with_kill
    try:
        with pytest.raises(KilledError):
            train_module.train(killed, load_inputs(killed), Path("runs", name))
    finally:
        train_module.DeterministicTrainer = original


@pytest.mark.parametrize(
    "step",  # resumed within epoch 0, within epoch 1, between them
    [4, pytest.param(6, marks=pytest.mark.slow), pytest.param(7, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    "method", [{"kind": "full"}, pytest.param({"kind": "lora", "rank": 2}, marks=pytest.mark.slow)]
)
def test_a_killed_training_ends_in_the_same_bytes(
    base: Path, prepared: Prepared, step: int, method: dict[str, Any]
) -> None:
    values = {"evaluations_per_epoch": 2, "method": method, "early_stopping": {"patience": 3}}
    uninterrupted = run(base, prepared, "uninterrupted", **values)
    run_killed(base, prepared, "killed", step, **values)
    assert latest_complete(Path("runs/killed")) is not None, "there is a checkpoint to resume from"
    assert digest(run(base, prepared, "killed", **values)) == digest(uninterrupted)


def test_a_killed_training_logs_what_an_uninterrupted_one_logs(base: Path, prepared: Prepared) -> None:
    """Where a checkpoint falls between two logs, the losses since the last log are in no checkpoint."""
    values = {"epochs": 2, "batch_size": 3, "evaluations_per_epoch": 2}
    uninterrupted = run(base, prepared, "uninterrupted", **values)
    steps = np.loadtxt(uninterrupted / "log/steps.tsv", skiprows=1)[:, 0].astype(int)
    saved = np.loadtxt(uninterrupted / "log/evaluations.tsv", skiprows=1)[:, 0].astype(int)
    interval = steps[0]
    assert interval > 1, "not every step is logged"
    assert any(saved % interval), "a checkpoint lies between two logs"
    run_killed(base, prepared, "killed", int(saved[saved % interval > 0][0]) + 1, **values)
    assert digest(run(base, prepared, "killed", **values)) == digest(uninterrupted)


@pytest.mark.parametrize(
    "damage",
    [
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")
        ),
        MARKER,
    ],
)
def test_a_damaged_checkpoint_is_never_resumed(base: Path, prepared: Prepared, damage: str) -> None:
    uninterrupted = run(base, prepared, "uninterrupted")
    run_killed(base, prepared, "killed", 7)
    newest = latest_complete(Path("runs/killed"))
    assert newest is not None
    if damage == MARKER:
        (newest / damage).unlink()
    else:
        (newest / damage).write_bytes((newest / damage).read_bytes()[:-1])
    older = latest_complete(Path("runs/killed"))
    assert older != newest
    assert not newest.exists()
    assert digest(run(base, prepared, "killed")) == digest(uninterrupted)


def test_a_checkpoint_whose_best_checkpoint_is_missing_is_not_resumed(base: Path, prepared: Prepared) -> None:
    run_killed(base, prepared, "killed", 7)
    newest = latest_complete(Path("runs/killed"))
    assert newest is not None
    state = json.loads((newest / "trainer_state.json").read_text())
    (newest / "trainer_state.json").write_text(
        json.dumps({**state, "best_model_checkpoint": "runs/killed/checkpoint-1"})
    )
    mark_complete(newest)
    assert latest_complete(Path("runs/killed")) != newest


def test_a_loss_that_is_not_finite_stops_with_the_step(base: Path, prepared: Prepared) -> None:
    diverging = training(base, prepared)
    inputs = load_inputs(diverging)
    with torch.no_grad():
        inputs.model.classifier.weight[0, 0] = float("nan")
    with pytest.raises(UserError, match=r"not finite at step \d+ of 9; lower finetune.learning_rate"):
        train_module.train(diverging, inputs, Path("runs/nan"))


def test_early_stopping_keeps_the_best_checkpoint(base: Path, prepared: Prepared) -> None:
    output = run(base, prepared, "out", epochs=30, early_stopping={"patience": 2, "min_delta": 0.01})
    summary = json.loads((output / "training.json").read_text())
    evaluations = np.genfromtxt(output / "log/evaluations.tsv", names=True)
    assert summary["stopped_early"]
    assert summary["validation"]["nll"] == pytest.approx(evaluations["nll"].min(), abs=1e-6)


def test_lora_is_merged_into_plain_weights(base: Path, prepared: Prepared) -> None:
    method = Lora(kind="lora", rank=4)
    output = run(base, prepared, "out", method={"kind": "lora", "rank": 4}, epochs=2)
    summary = json.loads((output / "training.json").read_text())
    assert 0 < summary["trainable_parameters"] < summary["parameters"] / 2
    assert not [name for name in weights(output) if "lora" in name or "base_layer" in name]
    model, processor = TASK.load(output / "model")
    torch.manual_seed(0)
    adapted = adapt(model, method)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    batch = TASK.batch(processor, [{"text": "very ice today"}, {"text": "fire"}])
    with torch.no_grad():
        before = adapted(**batch).logits
        after = merge(TASK.logits, adapted, method, batch)(**batch).logits
    assert not torch.allclose(before, model(**batch).logits * 0)
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-4)


def test_lora_refuses_layers_that_are_not_there(base: Path, prepared: Prepared) -> None:
    with pytest.raises(UserError, match=r"no linear layer q_proj; allowed: all-linear, or any of .*query"):
        run(base, prepared, "out", method={"kind": "lora", "target_modules": ["q_proj"]})


def test_a_missing_split_is_named(base: Path, prepared: Prepared) -> None:
    rest = {name: split for name, split in prepared.splits.items() if name != "validation"}
    with pytest.raises(DataError, match="no validation split"):
        run(base, Prepared(prepared.task, prepared.label_names, rest), "out")


@pytest.mark.parametrize("given", ["3", "0", "many", "-8"])
def test_a_micro_batch_must_divide_the_batch(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv(machine.MICRO_BATCH, given)
    with pytest.raises(UserError, match=r"allowed: a divisor of the 32 examples"):
        run(base, prepared, "out")


@pytest.mark.parametrize(("precision", "given"), [("fp32", "no"), ("bf16", "bf16")])
def test_params_decide_the_precision_and_not_the_configuration_of_the_machine(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch, precision: str, given: str
) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    declared = training(base, prepared, precision=precision)
    arguments = train_module.training_arguments(declared, 96, machine.BatchLayout(32, 1), Path("runs"))
    assert arguments.mixed_precision == given


def test_a_failed_training_leaves_the_earlier_teacher(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest(run(base, prepared, "out"))
    monkeypatch.setenv(machine.MICRO_BATCH, "5")
    with pytest.raises(UserError):
        run(base, prepared, "out")
    assert digest(Path("out")) == before
