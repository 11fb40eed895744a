"""Features of frozen parts are computed once, and training is what it is without."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from teacherspec.finetune.inputs import Training, load_inputs
from teacherspec.finetune.train import train
from teacherspec.runtime import machine
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared
from teacherspec.tasks.clip.task import Clip
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.clip import CONTEXT, toy_dual_base
from tests.toys.image import toy_image_base, toy_image_prepared

IMAGES = ImageClassification(kind="image_classification")
PAIRS = Clip(kind="clip", templates=("{label} one", "two {label}"), max_length=CONTEXT)
HEAD_ALONE = {"method": {"kind": "full", "freeze": "backbone"}}
LOCKED = {"method": {"kind": "full", "freeze": ["vision_model"]}, "loss": {"kind": "contrastive"}}
TRAIN, OTHER, EPOCHS = 32, 8, 2


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return toy_image_prepared(tmp_path_factory.mktemp("prepared"), train=TRAIN, other=OTHER)


@pytest.fixture(autouse=True)
def _no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(machine.WORKERS, "0")


def training(folder: Path, prepared: Prepared, family: str, **values: Any) -> Training:
    """A short training of a tiny model of this family, a dual encoder or a classifier."""
    pairs = family in ("clip", "siglip")
    task: Kind = PAIRS if pairs else IMAGES
    base = (
        toy_dual_base(folder, ["blue one two", "green red"], family)
        if pairs
        else toy_image_base(folder, family)
    )
    declared = {"epochs": EPOCHS, "batch_size": 16, "learning_rate": 1e-2, **values}
    section = Finetune.model_validate_json(json.dumps(declared))
    return Training(task, section, base, prepared, ModelInit(section.dropout))


@pytest.mark.parametrize(
    ("family", "declared"),
    [("dinov2", HEAD_ALONE), ("resnet", HEAD_ALONE), ("clip", LOCKED), ("siglip", LOCKED)],
)
def test_weights_are_those_of_a_training_on_pixels(
    family: str, declared: dict[str, Any], prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And every image passes the frozen part once, not once an epoch (contrastive: twice)."""
    given = training(tmp_path / "base", prepared, family, **declared)
    inputs = load_inputs(given)
    start = {name: tensor.clone() for name, tensor in inputs.model.state_dict().items()}
    passed = []
    tower = getattr(inputs.model, "vision_model", inputs.model.base_model)
    tower.register_forward_hook(lambda *_: passed.append(1))
    once = train(given, inputs, tmp_path / "once")
    assert not passed
    monkeypatch.setattr("teacherspec.finetune.inputs.compute_frozen_images", lambda *_: None)
    again = train(given, load_inputs(given), tmp_path / "again")
    expected = again.model.state_dict()
    for name, tensor in once.model.state_dict().items():
        moved = (expected[name] - start[name]).float().norm()
        assert (tensor - expected[name]).float().norm() <= 0.02 * moved + 1e-6, name
    assert once.validation_metrics(once.model) == pytest.approx(
        again.validation_metrics(again.model), rel=1e-3
    )


@pytest.mark.parametrize(
    ("family", "declared"),
    [
        ("dinov2", {**HEAD_ALONE, "augmentation": {"flip": 0.5}}),
        ("dinov2", {"method": {"kind": "full", "freeze": ["embeddings"]}}),
        ("dinov2", {"method": {"kind": "lora", "rank": 2}}),
        ("vit", {**HEAD_ALONE, "dropout": 0.3}),
        ("resnet", {**HEAD_ALONE, "batch_norm": "updated"}),
        ("clip", {"method": {"kind": "full", "freeze": ["text_model"]}, "loss": {"kind": "contrastive"}}),
    ],
    ids=["augmented", "partly frozen", "low-rank", "dropout", "batch_norm", "text tower"],
)
def test_pixels_pass_where_features_would_change(
    family: str, declared: dict[str, Any], prepared: Prepared, tmp_path: Path
) -> None:
    inputs = load_inputs(training(tmp_path, prepared, family, **declared))
    inputs.train.set_epoch(0) if hasattr(inputs.train, "set_epoch") else None
    assert inputs.train[0]["pixel_values"].shape == (3, 32, 32)
    for name, buffer in inputs.model.named_buffers():
        if name.endswith("num_batches_tracked"):
            assert buffer == 0, "the comparison leaves no statistics"


def test_augmented_examples_hold_the_features_of_the_plain_image(prepared: Prepared, tmp_path: Path) -> None:
    """The examples of pairs are always drawn; without augmentation they are the plain images."""
    given = training(tmp_path, prepared, "clip", **LOCKED)
    inputs = load_inputs(given)
    found = torch.stack([inputs.train[at]["image_features"] for at in range(4)])
    inputs.train.features = None
    inputs.train.set_epoch(1)
    pixels = torch.stack([inputs.train[at]["pixel_values"] for at in range(4)])
    with torch.no_grad():
        expected = inputs.model.vision_model(pixel_values=pixels).pooler_output
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
