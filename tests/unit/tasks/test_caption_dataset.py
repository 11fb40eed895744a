"""Which images and texts count as the same, and what an example of a pair holds."""

import io
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from PIL import Image

from teacherspec.tasks.clip_retrieval.caption_dataset import (
    CaptionedImages,
    TrainingCaptions,
    collate_captioned,
    numbered,
)
from teacherspec.tasks.clip_retrieval.task import IMAGE, TEXT
from teacherspec.tasks.shared.dual_encoder_model import load_processor
from teacherspec.tasks.shared.image_decoding import encode_png
from tests.toys.clip import CONTEXT, toy_dual_base
from tests.toys.image import toy_image


def otherwise(content: bytes) -> bytes:
    """The same pixels in other bytes."""
    sink = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        image.convert("RGB").save(sink, "PNG", compress_level=0)
    return sink.getvalue()


def some_rows() -> Dataset:
    draw = np.random.default_rng(0)
    one, other = toy_image(0, draw), toy_image(1, draw)
    return Dataset.from_list(
        [
            {"id": "a", "image": one, "text": "A red box"},
            {"id": "b", "image": other, "text": "a  red BOX"},
            {"id": "c", "image": otherwise(one), "text": "a box"},
            {"id": "d", "image": other, "text": "A red box"},
        ]
    )


def test_equal_is_what_prepare_takes_for_equal() -> None:
    rows = some_rows()
    assert rows[0]["image"] != rows[2]["image"]
    assert numbered(rows, (IMAGE, TEXT)).tolist() == [[0, 0], [1, 0], [0, 1], [1, 0]]


def test_training_shows_the_same_pairs_as_evaluation(tmp_path: Path) -> None:
    rows = some_rows()
    processor = load_processor(toy_dual_base(tmp_path, ["a red box"]), CONTEXT)
    numbers = numbered(rows, (IMAGE, TEXT))
    plain = collate_captioned([CaptionedImages(processor, rows, numbers)[at] for at in range(4)])
    shown = collate_captioned([TrainingCaptions(processor, rows, numbers, None, 0)[at] for at in range(4)])
    assert plain.keys() == shown.keys() == {
        "pixel_values", "input_ids", "attention_mask", "image_keys", "labels",
    }  # fmt: skip
    for name, tensor in plain.items():
        torch.testing.assert_close(shown[name], tensor)
    assert plain["image_keys"].tolist() == [0, 1, 0, 1]
    assert torch.equal(plain["input_ids"][0], plain["input_ids"][3])


def test_small_pictures_take_the_shorter_form() -> None:
    from teacherspec.tasks.shared.image_decoding import encode_small

    drawing = Image.new("RGB", (64, 64), "red")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8))
    assert encode_small(drawing) == encode_png(drawing)
    assert encode_small(noise).startswith(b"\xff\xd8")
