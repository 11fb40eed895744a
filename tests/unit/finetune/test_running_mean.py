"""The running mean of the weights: what is measured, chosen and packaged, whatever kill came between."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from teacherspec.errors import UserError
from teacherspec.finetune import train as train_module
from teacherspec.finetune.checkpoints import latest_complete
from teacherspec.finetune.inputs import load_inputs, seed_everything, start_model
from teacherspec.finetune.linear_probe_first import fit_head
from teacherspec.finetune.running_mean import FILE, RunningMean, trained_tensors
from teacherspec.inference.classification import predict
from teacherspec.inference.load import load_model
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.runtime import machine
from teacherspec.splits import Prepared, open_split
from tests.unit.finetune.test_train import TASK, digest, run, run_killed, training

MEAN = {"running_mean": {"decay": 0.8}}


@pytest.mark.parametrize("decay", [0.3, 0.9, 0.999])
def test_it_is_the_weighted_mean_of_all_weights_so_far(decay: float) -> None:
    model = torch.nn.Linear(3, 2)
    values = torch.randn(40, 2, 3, generator=torch.Generator().manual_seed(0))
    mean, oracle = RunningMean(model, decay), model.weight.detach().double().numpy()
    for step, value in enumerate(values, start=1):
        model.weight.data.copy_(value)
        mean.update(step)
        share = max(1 - decay, 1 / (step + 1))
        oracle = (1 - share) * oracle + share * value.double().numpy()
        np.testing.assert_allclose(mean.mean["weight"].numpy(), oracle, atol=1e-5)
    if decay == 0.999:  # fewer steps than it covers: the plain mean, of the start too
        np.testing.assert_allclose(mean.mean["bias"].numpy(), model.bias.detach().numpy(), atol=1e-6)


def test_in_place_gives_back_the_same_bits_even_after_an_error() -> None:
    model = torch.nn.Linear(3, 2)
    mean = RunningMean(model, 0.5)
    model.weight.data.normal_()
    mean.update(1)
    own = model.weight.detach().clone()
    with mean.in_place():
        assert not torch.equal(model.weight, own)
    assert torch.equal(model.weight, own)
    with pytest.raises(ValueError, match="a batch"), mean.in_place():
        raise ValueError("a batch")
    assert torch.equal(model.weight, own)


def test_frozen_weights_have_no_mean_and_updated_statistics_of_batch_norm_have() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    model[0].weight.requires_grad_(False)
    assert set(trained_tensors(model)) == {
        "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
    }  # fmt: skip


class Record(TrainerCallback):  # type: ignore[misc]
    """The trained weights after each step."""

    def __init__(self) -> None:
        self.weights: list[dict[str, torch.Tensor]] = []

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        self.weights.append({name: one.detach().clone() for name, one in model.named_parameters()})


def test_the_teacher_is_the_mean_at_the_checkpoint_where_the_mean_is_best(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Independent oracle: the mean computed from the recorded weights of every step."""
    declared = training(base, prepared, **MEAN, evaluations_per_epoch=3)
    inputs = load_inputs(declared)
    oracle = {name: one.detach().clone() for name, one in inputs.model.named_parameters()}
    record, original = Record(), train_module.callbacks
    monkeypatch.setattr(train_module, "callbacks", lambda *given: [*original(*given), record])
    trainer = train_module.train(declared, inputs, Path("runs"))
    for step, weights in enumerate(record.weights[: trainer.state.best_global_step], start=1):
        share = max(1 - 0.8, 1 / (step + 1))
        oracle = {name: torch.lerp(oracle[name], one, share) for name, one in weights.items()}
    for name, one in trainer.model.named_parameters():
        torch.testing.assert_close(one.detach(), oracle[name])
    logged = [entry["eval_nll"] for entry in trainer.state.log_history if "eval_nll" in entry]
    assert trainer.validation_metrics(trainer.model)["nll"] == pytest.approx(min(logged), abs=1e-5)


@pytest.mark.parametrize("method", [{"kind": "full"}, {"kind": "lora", "rank": 2}], ids=["full", "lora"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_loss_that_is_logged_is_that_of_the_packaged_weights(
    base: Path, prepared: Prepared, method: dict[str, Any], precision: str
) -> None:
    output = run(base, prepared, "out", **MEAN, method=method, precision=precision)
    facts = json.loads((output / "training.json").read_text())
    found = predict(TASK, *load_model(TASK, output / "model"), open_split(prepared.splits["validation"]), 32)
    tolerance = 1e-5 if precision == "fp32" else 0.02
    assert facts["validation"]["nll"] == pytest.approx(nll(found.logits, found.labels), abs=tolerance)
    last = run(base, prepared, "last", method=method, precision=precision)
    assert digest(output)["model/model.safetensors"] != digest(last)["model/model.safetensors"]
    assert digest(output)["log/steps.tsv"] == digest(last)["log/steps.tsv"], "it changes no step"


@pytest.mark.parametrize(("step", "method"), [(4, {"kind": "full"}), (7, {"kind": "lora", "rank": 2})])
def test_a_killed_training_ends_in_the_same_bytes(
    base: Path, prepared: Prepared, step: int, method: dict[str, Any]
) -> None:
    values = {**MEAN, "evaluations_per_epoch": 2, "method": method, "early_stopping": {"patience": 3}}
    uninterrupted = run(base, prepared, "uninterrupted", **values)
    run_killed(base, prepared, "killed", step, **values)
    newest = latest_complete(Path("runs/killed"))
    assert newest is not None
    assert (newest / FILE).is_file()
    assert digest(run(base, prepared, "killed", **values)) == digest(uninterrupted)


def test_a_checkpoint_with_a_damaged_mean_is_not_resumed(base: Path, prepared: Prepared) -> None:
    run_killed(base, prepared, "killed", 7, **MEAN)
    newest = latest_complete(Path("runs/killed"))
    assert newest is not None
    (newest / FILE).write_bytes((newest / FILE).read_bytes()[:-1])
    assert latest_complete(Path("runs/killed")) != newest


@pytest.mark.slow
def test_interpolation_with_the_start_comes_after_the_mean(base: Path, prepared: Prepared) -> None:
    values = {**MEAN, "linear_probe_first": True, "epochs": 1}
    declared = training(base, prepared, **values)
    seed_everything(0)
    start, _ = start_model(replace(declared, head=fit_head(declared, Path("head"))))
    mean = load_file(run(base, prepared, "mean", **values) / "model/model.safetensors")
    found = load_file(
        run(base, prepared, "out", **values, weight_interpolation=0.25) / "model/model.safetensors"
    )
    begun = start.state_dict()
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, torch.lerp(begun[name], mean[name], 0.25))


def test_a_sharded_model_is_refused_by_name(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "holds_whole_model", lambda: False)
    with pytest.raises(UserError, match=r"finetune\.running_mean: every process needs the whole model"):
        run(base, prepared, "out", **MEAN)
    run(base, prepared, "without", epochs=1)
