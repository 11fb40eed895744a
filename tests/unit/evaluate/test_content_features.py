"""Content of rows is read one by one: the images of a split need not fit into memory together."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from teacherspec.evaluate import content_features
from teacherspec.evaluate.content_features import read_content
from teacherspec.splits import open_split
from teacherspec.tasks.image_classification.task import ImageClassification
from tests.toys.image import toy_image_split

TASK = ImageClassification(kind="image_classification")


def test_no_two_images_are_held_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = open_split(toy_image_split(tmp_path, "test", "test", 12, 0), tmp_path)
    held = most = 0

    class Held(bytes):
        def __del__(self) -> None:
            nonlocal held
            held -= 1

    plain = content_features.values_of

    def counted(rows: Any, name: str) -> Iterator[Any]:
        nonlocal held, most
        for value in plain(rows, name):
            held += 1
            most = max(most, held)
            yield Held(value)

    monkeypatch.setattr(content_features, "values_of", counted)
    content = read_content(TASK.row_schema(), rows)
    assert most <= 2, "the one that is measured, and the next"
    assert len(content.texts) == 12
    assert {len(feature.codes) for feature in content.features} == {12}


def test_features_are_those_of_the_images(tmp_path: Path) -> None:
    rows = open_split(toy_image_split(tmp_path, "test", "test", 12, 0), tmp_path)
    content = read_content(TASK.row_schema(), rows)
    alone = content_features.image_features(list(rows["image"]))
    for one, other in zip(content.features, alone, strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.codes, other.codes)
