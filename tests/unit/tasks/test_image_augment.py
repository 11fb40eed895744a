"""What is drawn for an image depends on seed, row and epoch alone, and does what it says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from teacherspec.finetune import train as train_module
from teacherspec.finetune.inputs import Training
from teacherspec.runtime import machine
from teacherspec.spec.augmentation import Augmentation, RandAugment, RandomCrop
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared, open_split
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.hf_loading import load_image_processor
from teacherspec.tasks.shared.image_augment import (
    OPERATIONS,
    View,
    draw_box,
    draw_view,
    generator,
    rand_augment,
)
from teacherspec.tasks.shared.image_dataset import TrainingImages, collate_images
from teacherspec.tasks.shared.image_decoding import decode
from teacherspec.tasks.shared.interfaces.model import ModelInit
from tests.toys.image import LABELS, toy_image_base, toy_image_prepared
from tests.toys.pictures import scene
from tests.unit.finetune.test_train import KilledError, digest

TASK = ImageClassification(kind="image_classification")
EVERYTHING = {
    "crop": {"area": [0.5, 1.0]},
    "flip": 0.5,
    "vertical_flip": 0.5,
    "colour": {},
    "rand_augment": {},
    "mix": {"kind": "cutmix"},
}


def augmentation(**values: Any) -> Augmentation:
    return Augmentation.model_validate_json(json.dumps(values))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_image_base(tmp_path_factory.mktemp("base"), "resnet")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return toy_image_prepared(tmp_path_factory.mktemp("prepared"), train=48, other=16)


@pytest.fixture(autouse=True)
def _workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(machine.WORKERS, "0")


def images(base: Path, prepared: Prepared, seed: int = 0, **values: Any) -> TrainingImages:
    rows = open_split(prepared.splits["train"])
    return TrainingImages(load_image_processor(base), rows, augmentation(**values), len(LABELS), seed)


def test_seed_row_and_epoch_decide(base: Path, prepared: Prepared) -> None:
    first, again, other = (images(base, prepared, seed, **EVERYTHING) for seed in (0, 0, 1))
    assert torch.equal(first[3]["pixel_values"], again[3]["pixel_values"])
    assert not torch.equal(first[3]["pixel_values"], other[3]["pixel_values"]), "the seed must matter"
    before = first[3]["pixel_values"]
    first.set_epoch(1)
    assert not torch.equal(before, first[3]["pixel_values"]), "the epoch must matter"
    first.set_epoch(0)
    assert torch.equal(before, first[3]["pixel_values"])


def test_the_place_of_a_row_does_not_matter(base: Path, prepared: Prepared) -> None:
    values = {name: value for name, value in EVERYTHING.items() if name != "mix"}
    whole = images(base, prepared, **values)
    part = images(base, prepared, **values)
    part.rows = whole.rows.select([7, 3])
    assert torch.equal(part[1]["pixel_values"], whole[3]["pixel_values"])


def test_nothing_declared_shows_what_evaluation_shows(base: Path, prepared: Prepared) -> None:
    plain = TASK.encode(load_image_processor(base), open_split(prepared.splits["train"]))
    assert torch.equal(images(base, prepared)[5]["pixel_values"], plain[5]["pixel_values"])


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_labels_are_mixed_as_the_pixels_are(base: Path, prepared: Prepared, kind: str) -> None:
    """Every pixel is a blend of two images in the share of their labels, or of one of them in a box."""
    mixed = images(base, prepared, mix={"kind": kind, "share": 1.0})
    plain = TASK.encode(load_image_processor(base), mixed.rows)
    everything = torch.stack([plain[i]["pixel_values"] for i in range(len(plain))])
    labels = np.array(mixed.rows["label"])
    found = 0
    for index in range(12):
        example = mixed[index]
        assert example["labels"].sum() == pytest.approx(1.0)
        own = float(example["labels"][labels[index]])
        difference = example["pixel_values"] - everything[index]
        if kind == "cutmix":
            share = (difference.abs().amax(0) > 0).float().mean().item()
            assert share <= 1 - own + 0.02 or own == pytest.approx(1.0)
            found += share > 0.02
        else:
            rest = [
                other
                for other in range(len(plain))
                if labels[other] != labels[index]
                and torch.allclose(
                    example["pixel_values"],
                    own * everything[index] + (1 - own) * everything[other],
                    atol=1e-4,
                )
            ]
            found += len(rest) == 1
    assert found >= 4


def test_a_batch_of_soft_labels_is_stacked(base: Path, prepared: Prepared) -> None:
    mixed = images(base, prepared, mix={"kind": "mixup"})
    batch = collate_images([mixed[0], mixed[1]])
    assert batch["labels"].shape == (2, 3)
    assert batch["labels"].dtype == torch.float32
    assert batch["pixel_values"].shape == (2, 3, 32, 32)


def test_boxes_lie_within_the_image_and_keep_to_area_and_aspect() -> None:
    draw = generator("boxes")
    crop = RandomCrop(area=(0.2, 0.6), aspect=(0.5, 2.0))
    for _ in range(300):
        left, top, right, bottom = draw_box(crop, 400, 300, draw)
        assert 0 <= left < right <= 400
        assert 0 <= top < bottom <= 300
        assert 0.19 < (right - left) * (bottom - top) / 120_000 < 0.61
        assert 0.48 < (right - left) / (bottom - top) < 2.05


def test_a_box_that_never_fits_is_the_largest_in_the_middle() -> None:
    box = draw_box(RandomCrop(area=(1.0, 1.0), aspect=(1.0, 1.0)), 300, 10, generator("strip"))
    assert box == (145, 0, 155, 10)


def test_views_are_what_they_say() -> None:
    image = scene(0, 40, 30)
    flipped = View(None, flip=True, vertical_flip=False).of(image, (30, 40))
    np.testing.assert_array_equal(np.asarray(flipped), np.asarray(image)[:, ::-1])
    turned = View(None, flip=False, vertical_flip=True).of(image, (30, 40))
    np.testing.assert_array_equal(np.asarray(turned), np.asarray(image)[::-1])
    part = View((10, 5, 30, 25), flip=False, vertical_flip=False).of(image, (20, 20))
    np.testing.assert_array_equal(np.asarray(part), np.asarray(image)[5:25, 10:30])
    assert draw_view(augmentation(), 40, 30, generator(0)) == View(None, False, False)


def test_operations_keep_the_size_and_do_nothing_at_magnitude_zero() -> None:
    image = scene(1)
    changed = []
    for operation in OPERATIONS:
        strong = operation(image, 1.0, -1.0)
        assert (strong.size, strong.mode) == (image.size, "RGB")
        changed.append(np.asarray(strong).tolist() != np.asarray(image).tolist())
    assert changed == [False] + [True] * 13
    for operation in OPERATIONS[:12]:  # the last two have no magnitude
        np.testing.assert_array_equal(np.asarray(operation(image, 0.0, 1.0)), np.asarray(image))


def test_rand_augment_draws_as_many_as_declared() -> None:
    image = Image.new("RGB", (8, 8), (100, 150, 200))
    drawn = rand_augment(RandAugment(operations=14, magnitude=30), image, generator(1))
    assert drawn.size == (8, 8)
    assert np.asarray(drawn).tolist() != np.asarray(image).tolist()


def declare(**values: Any) -> Finetune:
    defaults = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3, "augmentation": EVERYTHING}
    return Finetune.model_validate_json(json.dumps({**defaults, **values}))


def run(base: Path, prepared: Prepared, name: str, **values: Any) -> dict[str, str]:
    training = Training(TASK, declare(**values), base, prepared, ModelInit())
    train_module.finetune(training, Path("runs", name), Path(name))
    return digest(Path(name))


@pytest.mark.slow
def test_a_resumed_training_sees_the_same_images(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(base, prepared, "whole", evaluations_per_epoch=3)
    from transformers import TrainerCallback

    class Kill(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 5:
                raise KilledError

    class Killed(train_module.ShowProgress, Kill):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            Kill.on_step_end(self, args, state, control, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(train_module, "ShowProgress", Killed)
        with pytest.raises(KilledError):
            run(base, prepared, "killed", evaluations_per_epoch=3)
    assert list(Path("runs/killed").glob("checkpoint-*"))
    assert run(base, prepared, "killed", evaluations_per_epoch=3) == whole


def test_workers_make_the_same_images(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = run(base, prepared, "alone", epochs=2)
    monkeypatch.setenv(machine.WORKERS, "1")
    assert run(base, prepared, "helped", epochs=2) == alone


def test_the_micro_batch_changes_nothing_with_frozen_statistics(
    base: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it does with updated ones: the negative control."""
    values = {"batch_norm": "frozen", "epochs": 1}
    losses = {}
    for name, micro, norm in (("whole", "16", "frozen"), ("cut", "4", "frozen"), ("own", "4", "updated")):
        monkeypatch.setenv(machine.MICRO_BATCH, micro)
        run(base, prepared, name, **{**values, "batch_norm": norm})
        losses[name] = np.loadtxt(Path(name) / "log/steps.tsv", skiprows=1)[:, 2]
    np.testing.assert_allclose(losses["whole"], losses["cut"], rtol=2e-4)
    assert np.abs(losses["whole"] / losses["own"] - 1).max() > 1e-3


def test_recorded_views_can_be_shown_to_a_student_again(base: Path, prepared: Prepared) -> None:
    """The table alone gives the image that the recorded logits are of."""
    drawn = {**EVERYTHING, "recorded_views": 2}
    run(base, prepared, "viewed", epochs=1, augmentation=drawn)
    views = pq.read_table("viewed/views.parquet").to_pylist()
    rows = open_split(prepared.splits["train"])
    assert [(one["id"], one["view"]) for one in views] == [
        (name, view) for view in range(2) for name in rows["id"]
    ]
    model, processor = TASK.load(Path("viewed/model"))
    by_id = {row["id"]: row for row in rows}
    for one in (views[0], views[7], views[-1]):
        box = (one["left"], one["top"], one["right"], one["bottom"])
        view = View(box, one["flip"], one["vertical_flip"])
        shown = view.of(decode(by_id[one["id"]]["image"]), (one["height"], one["width"]))
        values = processor([shown], return_tensors="pt", do_resize=False)["pixel_values"]
        with torch.inference_mode():
            logits = model(pixel_values=values).logits[0].numpy()
        np.testing.assert_allclose(logits, one["logits"], atol=1e-5)
    assert views[0]["left"] != views[len(rows)]["left"], "two views of an image differ"
