"""The contrastive loss is that of all pairs of a step, whatever the micro-batch."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from teacherspec.finetune.contrastive_trainer import LARGEST_SCALE, pair_losses
from teacherspec.finetune.inputs import Training, load_inputs
from teacherspec.finetune.train import finetune, train
from teacherspec.finetune.weight_interpolation import interpolate_weights
from teacherspec.inference.classification import predict
from teacherspec.runtime import machine
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import open_split
from teacherspec.tasks.clip.task import Clip
from teacherspec.tasks.shared.interfaces.capabilities import Pairs
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.clip import CONTEXT, toy_dual_base
from tests.toys.image import toy_image_prepared

TASK = Clip(kind="clip", templates=("{label} one", "two {label}", "all {label} three"), max_length=CONTEXT)
CAPTIONS = ["blue one two all three", "green red"]


def unit(draw: torch.Generator, rows: int = 6) -> torch.Tensor:
    return functional.normalize(torch.randn(rows, 8, generator=draw, dtype=torch.float64), dim=-1)


def some_pairs(keys: list[int]) -> Pairs:
    draw = torch.Generator().manual_seed(0)
    return Pairs(unit(draw, len(keys)), unit(draw, len(keys)), torch.tensor(keys)[:, None])


def test_without_repetition_it_is_the_loss_of_clip() -> None:
    pairs = some_pairs([1, 2, 3, 4, 5, 6])
    scale = torch.tensor(1.5, dtype=torch.float64)
    logits = scale.exp() * pairs.images @ pairs.texts.T
    places = torch.arange(6)
    expected = (functional.cross_entropy(logits, places) + functional.cross_entropy(logits.T, places)) / 2
    torch.testing.assert_close(pair_losses(pairs, scale, None, "softmax").mean(), expected)


@pytest.mark.parametrize("pairing", ["softmax", "sigmoid"])
def test_a_text_twice_is_no_negative(pairing: str) -> None:
    """For each pair, the loss is that of a step from which the other pairs with its text were taken out."""
    keys = [1, 2, 1, 3, 1, 2]
    pairs, scale, bias = some_pairs(keys), torch.tensor(1.5), torch.tensor(-2.0)
    found = pair_losses(pairs, scale, bias, pairing)
    for place, key in enumerate(keys):
        kept = [at for at, other in enumerate(keys) if at == place or other != key]
        alone = Pairs(pairs.images[kept], pairs.texts[kept], torch.arange(len(kept))[:, None])
        expected = pair_losses(alone, scale, bias, pairing)[kept.index(place)]
        torch.testing.assert_close(found[place], expected)
    counted = pair_losses(Pairs(pairs.images, pairs.texts, torch.arange(6)[:, None]), scale, bias, pairing)
    assert not torch.allclose(found, counted)


@pytest.mark.parametrize("pairing", ["softmax", "sigmoid"])
def test_an_image_twice_is_no_negative(pairing: str) -> None:
    """As a text twice: the other texts of an image are right for it too."""
    shown = [4, 5, 4, 6, 6, 4]
    plain, scale, bias = some_pairs([1, 2, 3, 4, 5, 6]), torch.tensor(1.5), torch.tensor(-2.0)
    by_image = pair_losses(plain._replace(image_keys=torch.tensor(shown)), scale, bias, pairing)
    by_text = pair_losses(plain._replace(keys=torch.tensor(shown)[:, None]), scale, bias, pairing)
    torch.testing.assert_close(by_image, by_text)
    assert not torch.allclose(by_image, pair_losses(plain, scale, bias, pairing))


def trained(folder: Path, micro: str, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Any:
    """The model after one epoch of two steps of 16 pairs, and what was logged."""
    monkeypatch.setenv(machine.WORKERS, "0")
    monkeypatch.setenv(machine.MICRO_BATCH, micro)
    prepared = toy_image_prepared(folder / f"data-{micro}", train=32, other=8)
    declared = {"epochs": 1, "batch_size": 16, "learning_rate": 1e-3, "loss": {"kind": "contrastive"}, **more}
    section = Finetune.model_validate_json(json.dumps(declared))
    base = toy_dual_base(folder / "base", CAPTIONS)
    training = Training(TASK, section, base, prepared, ModelInit(section.dropout))
    trainer = train(training, load_inputs(training), folder / f"run-{micro}")
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return trainer.model.state_dict(), losses


@pytest.mark.parametrize(
    "more", [{}, {"loss": {"kind": "contrastive", "pairing": "sigmoid"}}], ids=["softmax", "sigmoid"]
)
def test_the_micro_batch_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    full, losses = trained(tmp_path, "16", monkeypatch, **more)
    accumulated, other_losses = trained(tmp_path, "4", monkeypatch, **more)
    assert losses == pytest.approx(other_losses, rel=1e-4)
    before = toy_dual_base(tmp_path / "again", CAPTIONS)
    start = TASK.load_base(before, ("blue", "green", "red"), ModelInit())[0].state_dict()
    # A softmax does not depend on what is added to all keys: the gradient of their bias is only rounding.
    unused = "k_proj.bias"
    moved = [n for n in start if not n.endswith(unused) and not torch.equal(start[n], full[n])]
    assert {"logit_scale", "text_projection.weight"} <= set(moved)
    for name in moved:
        # By norm: where a single gradient is zero up to rounding, Adam makes a full step of either sign.
        assert (full[name] - accumulated[name]).norm() <= 0.05 * (full[name] - start[name]).norm(), name


def test_gradients_are_those_of_one_pass_over_the_whole_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An independent oracle: plain autograd through all pairs at once, against what training accumulates."""
    seen: list[dict[str, torch.Tensor]] = []

    def note(parameters: Any, *args: Any, **named: Any) -> torch.Tensor:
        seen.append({str(at): one.grad.clone() for at, one in enumerate(parameters) if one.grad is not None})
        return torch.tensor(1.0)

    monkeypatch.setenv(machine.WORKERS, "0")
    monkeypatch.setenv(machine.MICRO_BATCH, "4")
    prepared = toy_image_prepared(tmp_path / "data", train=16, other=8)
    declared = {"epochs": 1, "batch_size": 16, "learning_rate": 1e-3, "loss": {"kind": "contrastive"}}
    section = Finetune.model_validate_json(json.dumps(declared))
    training = Training(TASK, section, toy_dual_base(tmp_path / "base", CAPTIONS), prepared, ModelInit())
    inputs = load_inputs(training)
    inputs.train.set_epoch(0)
    batch = TASK.collate(inputs.processor)([inputs.train[at] for at in range(16)])
    model = inputs.model
    pairs = TASK.pair_embeddings(model, batch)
    pair_losses(pairs, model.logit_scale, None, "softmax").mean().backward()
    expected = {
        str(at): one.grad.clone() for at, one in enumerate(model.parameters()) if one.grad is not None
    }
    model.zero_grad()
    monkeypatch.setattr(
        "accelerate.Accelerator.clip_grad_norm_", lambda self, parameters, *a, **n: note(parameters)
    )
    train(training, inputs, tmp_path / "run")
    assert len(seen) == 1
    assert seen[0].keys() == expected.keys()
    largest = max(float(one.abs().max()) for one in expected.values())
    for name, gradient in expected.items():
        torch.testing.assert_close(seen[0][name], gradient, rtol=1e-3, atol=1e-5 * largest)


def test_dropout_is_the_same_in_both_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With dropout the two passes must agree, or the gradient would belong to other embeddings."""
    drawn: list[torch.Tensor] = []
    monkeypatch.setattr(Clip, "pair_embeddings", recording(Clip.pair_embeddings, drawn))
    trained(tmp_path, "4", monkeypatch, dropout=0.3)
    first, second = drawn[:4], drawn[4:8]
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.equal(drawn[0], drawn[8])


def recording(pair_embeddings: Any, drawn: list[torch.Tensor]) -> Any:
    def note(task: Clip, model: nn.Module, batch: Any) -> Pairs:
        pairs: Pairs = pair_embeddings(task, model, batch)
        drawn.append(pairs.images.detach().clone())
        return pairs

    return note


def test_interpolation_lies_between_base_and_fine_tuned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(machine.WORKERS, "0")
    base = toy_dual_base(tmp_path / "base", CAPTIONS)
    prepared = toy_image_prepared(tmp_path / "data", train=32, other=8)
    declared = {"epochs": 1, "batch_size": 16, "learning_rate": 1e-3, "loss": {"kind": "contrastive"}}
    models = {}
    for share in (None, 0.25):
        section = Finetune.model_validate_json(json.dumps({**declared, "weight_interpolation": share}))
        out = tmp_path / f"out-{share}"
        finetune(Training(TASK, section, base, prepared, ModelInit()), tmp_path / "run", out)
        models[share] = TASK.load(out / "model")[0].state_dict()
    rows = open_split(prepared.splits["validation"])
    found = predict(TASK, *TASK.load(out / "model"), rows, 8)
    facts = json.loads((out / "training.json").read_text())
    expected = TASK.measure(found.logits, found.labels.astype("int64"))
    assert facts["validation"] == pytest.approx(expected, abs=1e-5), "of the interpolated weights"
    assert facts["validation_before_interpolation"]["nll"] != facts["validation"]["nll"]
    start = TASK.load_base(base, prepared.label_names, ModelInit())[0].state_dict()
    for name, tensor in models[0.25].items():
        torch.testing.assert_close(tensor, 0.75 * start[name] + 0.25 * models[None][name])


def test_interpolation_ends_in_what_it_mixes() -> None:
    torch.manual_seed(0)
    one, other = nn.Linear(3, 2), nn.Linear(3, 2)
    kept, base = {k: v.clone() for k, v in one.state_dict().items()}, dict(other.state_dict())
    interpolate_weights(one, other, 1.0)
    torch.testing.assert_close(one.state_dict(), kept)
    interpolate_weights(one, other, 0.0)
    torch.testing.assert_close(one.state_dict(), base)


def test_the_scale_has_a_bound() -> None:
    assert pytest.approx(100) == torch.tensor(LARGEST_SCALE).exp().item()
