"""Contact sheets and thumbnails show the rows they say, and nothing of rows that are texts."""

import io
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset
from PIL import Image

from teacherspec.evaluate.classification.contact_sheets import (
    CAPTION,
    CELL,
    COLUMNS,
    caption_font,
    contact_sheets,
)
from teacherspec.evaluate.classification.label_errors import Example
from teacherspec.evaluate.content_features import image_features
from teacherspec.evaluation_rows.row_images import row_images
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys.pictures import encoded, scene

FIELDS = ImageClassification(kind="image_classification").row_schema()
COLOURS = {"a": (250, 0, 0), "b": (0, 250, 0), "c": (0, 0, 250)}


@pytest.fixture
def splits() -> dict[str, Dataset]:
    images = [encoded(Image.new("RGB", (200, 100), colour)) for colour in COLOURS.values()]
    return {"test": Dataset.from_dict({"id": list(COLOURS), "image": images, "label": [0, 1, 0]})}


def example(kind: str, rank: int, row: str) -> Example:
    return Example(kind, rank, row, "cat", "dog", 0.9, 0.05, 0.8, "image of 200×100")


def test_a_sheet_holds_the_pictures_in_their_order(splits: dict[str, Dataset]) -> None:
    examples = [example("undecided", rank, row) for rank, row in enumerate(["c", "a"], 1)]
    sheets = contact_sheets(FIELDS, splits, [*examples, example("confidently_wrong", 1, "b")])
    assert sheets.keys() == {"undecided", "confidently_wrong"}
    sheet = np.asarray(Image.open(io.BytesIO(sheets["undecided"])))
    assert sheet.shape == (CELL + CAPTION, COLUMNS * CELL, 3)
    middles = [tuple(sheet[CELL // 2, CELL // 2 + place * CELL].tolist()) for place in range(3)]
    assert middles == [COLOURS["c"], COLOURS["a"], (255, 255, 255)]
    captions = sheet[CELL:].astype(int)
    assert (captions[:, :CELL] < 100).any(), "there is a caption"
    assert not (captions[:, 2 * CELL :] < 100).any(), "and none without a picture"
    assert contact_sheets(FIELDS, splits, examples)["undecided"] == sheets["undecided"], "the same bytes"


@pytest.mark.parametrize("letter", ["→", "é", "Ж", "λ", "ğ"])
def test_captions_have_the_letters_of_labels(letter: str) -> None:
    missing = bytes(caption_font().getmask("\uffff"))
    assert bytes(caption_font().getmask(letter)) != missing


def test_only_wanted_rows_are_opened(splits: dict[str, Dataset]) -> None:
    found = row_images(FIELDS, splits, {("test", "b")}, 50)
    assert found.keys() == {("test", "b")}
    assert found["test", "b"].size == (50, 25)


def test_texts_have_no_pictures() -> None:
    fields = TextClassification(kind="text_classification").row_schema()
    splits = {"test": Dataset.from_dict({"id": ["a"], "text": ["hello"], "label": [0]})}
    assert contact_sheets(fields, splits, [example("undecided", 1, "a")]) == {}


def test_images_are_cut_by_how_they_look(tmp_path: Path) -> None:
    dark, grey = Image.new("RGB", (20, 40), (10, 0, 0)), Image.new("L", (30, 30), 128)
    features = {
        feature.name: feature for feature in image_features([encoded(dark), encoded(grey), encoded(scene(1))])
    }
    assert features["colour"].slices == ("colour = coloured", "colour = grey")
    assert features["colour"].codes.tolist() == [0, 1, 0]
    assert set(features) == {
        "pixels",
        "width over height",
        "brightness (0 to 255)",
        "contrast (0 to 255)",
        "colour",
    }
    assert features["pixels"].codes[0] < features["pixels"].codes[2]
