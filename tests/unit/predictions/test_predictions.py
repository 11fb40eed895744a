"""Predictions come back from disk as they were saved, and refuse arrays that do not belong together."""

from pathlib import Path

import numpy as np
import pytest

from teacherspec.errors import DataError
from teacherspec.predictions.classification import Predictions, load_predictions, save_predictions
from teacherspec.predictions.index import PredictionIndex, load_index, save_index


def predictions(rows: int = 3, classes: int = 4) -> Predictions:
    drawn = np.random.default_rng(0)
    logits = drawn.normal(size=(rows, classes)).astype(np.float32)
    return Predictions([f"r-{row}" for row in range(rows)], drawn.integers(0, classes, rows), logits)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_split_comes_back_bit_by_bit(tmp_path: Path, rows: int) -> None:
    saved = predictions(rows)
    save_predictions(tmp_path / "predictions/test.parquet", saved)
    loaded = load_predictions(tmp_path, "test")
    assert list(loaded.ids) == list(saved.ids)
    assert loaded.logits.dtype == np.float32
    np.testing.assert_array_equal(loaded.labels, saved.labels)
    np.testing.assert_array_equal(loaded.logits, saved.logits)


def test_a_split_that_is_not_there_is_named_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no predictions of split `shifted`; run the stage `evaluate` first"):
        load_predictions(tmp_path, "shifted")


@pytest.mark.parametrize(
    ("labels", "logits"),
    [
        (np.zeros(2, np.int64), np.zeros((3, 4), np.float32)),
        (np.zeros(3, np.int64), np.zeros((2, 4), np.float32)),
        (np.zeros(3, np.int64), np.zeros(3, np.float32)),
    ],
)
def test_arrays_of_different_rows_are_refused(labels: np.ndarray, logits: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        Predictions(["a", "b", "c"], labels, logits)


def test_the_index_names_splits_by_role(tmp_path: Path) -> None:
    roles = {"test": "test", "letters": "shifted", "calls": "shifted"}
    index = PredictionIndex(("cold", "hot"), roles, dict.fromkeys(roles, 2), "classification")
    save_index(tmp_path, index)
    assert load_index(tmp_path) == index
    assert load_index(tmp_path).splits("shifted") == ("calls", "letters")
