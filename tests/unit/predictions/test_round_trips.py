"""Predictions of every type of output are read as they were written, and broken ones are refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from teacherspec.errors import DataError
from teacherspec.generated_answers import load_answers as load_answer_pairs
from teacherspec.predictions.classification import (
    Predictions,
    SliceRows,
    load_predictions,
    load_slices,
    save_predictions,
    save_slices,
)
from teacherspec.predictions.generation import (
    Answer,
    TokenPredictions,
    load_answers,
    load_token_predictions,
    save_answers,
    save_token_predictions,
)
from teacherspec.predictions.index import PredictionIndex, load_index, save_index
from teacherspec.predictions.inverse_temperatures import GRID
from teacherspec.predictions.retrieval import (
    Comparison,
    EmbeddingPredictions,
    load_comparison,
    load_embedding_predictions,
    save_comparison,
    save_embedding_predictions,
)


def same(one: object, other: object) -> None:
    """Every attribute is equal, arrays with their types."""
    assert vars(one).keys() >= vars(other).keys()
    for name, value in vars(other).items():
        np.testing.assert_array_equal(getattr(one, name), value, strict=isinstance(value, np.ndarray))


def test_classification(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    written = Predictions(["d", "b", "a", "c"], np.array([0, 2, -1, 1], np.int32), logits)
    save_predictions(tmp_path / "predictions/test.parquet", written)
    same(load_predictions(tmp_path, "test"), written)


def test_a_split_without_rows(tmp_path: Path) -> None:
    written = Predictions([], np.empty(0, np.int32), np.empty((0, 3), np.float32))
    save_predictions(tmp_path / "predictions/test.parquet", written)
    assert load_predictions(tmp_path, "test").logits.shape == (0, 3)


def test_disagreeing_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="predictions disagree: 2 ids"):
        Predictions(["a", "b"], np.zeros(3, np.int32), np.zeros((3, 2), np.float32))


def test_slices(tmp_path: Path) -> None:
    assert load_slices(tmp_path) == []
    save_slices(tmp_path, [SliceRows("label = wet", "declared", np.array([0, 3]))])
    (found,) = load_slices(tmp_path)
    assert (found.name, found.family, found.rows.tolist()) == ("label = wet", "declared", [0, 3])


def test_generation(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    grids = [draw.normal(size=(3, len(GRID))).astype(np.float32) for _ in range(2)]
    written = TokenPredictions(
        ["a", "b"],
        np.array([1, 2]),
        -draw.random(3).astype(np.float32),
        np.array([True, False, True]),
        *grids,
        GRID,
        draw.normal(size=(4, len(GRID))),
        prompt=np.array([4, 4]),
    )
    save_token_predictions(tmp_path, "test", written)
    found = load_token_predictions(tmp_path, "test")
    same(found, written)
    assert found.row.tolist() == [0, 1, 1]


@pytest.mark.parametrize("pictures", [(), (b"png",)])
def test_generated_answers(tmp_path: Path, pictures: tuple[bytes, ...]) -> None:
    assert load_answers(tmp_path, "test") == []
    written = Answer("a", "why?", ("so", "thus"), "so", "no", 2, True, True, (-0.5, -1.0), pictures)
    save_answers(tmp_path, "test", [written])
    assert load_answers(tmp_path, "test") == [written]
    (pair,) = load_answer_pairs(tmp_path)
    assert (pair.id, pair.prompt, pair.answer, pair.base_answer) == ("a", "why?", "so", "no")
    assert (pair.references, pair.pictures) == (("so", "thus"), pictures)


def test_answers_for_human_evaluation_are_checked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not found"):
        load_answer_pairs(tmp_path)
    columns = {"id": ["a", "a"], "prompt": ["p", "q"], "references": [[], []], "text": ["x", "y"]}
    path = tmp_path / "answers/test.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table(columns), path)
    with pytest.raises(DataError, match="has no column base_text"):
        load_answer_pairs(tmp_path)
    pq.write_table(pa.table({**columns, "base_text": [None, None]}), path)
    with pytest.raises(DataError, match=r"ids \['a'\] are given more than once"):
        load_answer_pairs(tmp_path)


def test_retrieval(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    images, texts = (draw.normal(size=(3, 8)).astype(np.float32) for _ in range(2))
    written = EmbeddingPredictions(["a", "b", "c"], images, texts, np.array([0, 0, 1]), np.array([0, 1, 2]))
    save_embedding_predictions(tmp_path, "test", written)
    same(load_embedding_predictions(tmp_path, "test"), written)
    comparison = Comparison(logit_scale=100.0, logit_bias=-1.5, candidate_set_size=20, seed=3)
    save_comparison(tmp_path, comparison)
    assert load_comparison(tmp_path) == comparison


def test_the_index(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run the stage `evaluate` first"):
        load_index(tmp_path)
    roles = {"test": "test", "late": "shifted", "early": "shifted"}
    written = PredictionIndex(("a", "b"), roles, {"test": 5, "late": 2, "early": 3}, "classification")
    save_index(tmp_path, written)
    assert load_index(tmp_path) == written
    assert written.splits("shifted") == ("early", "late")
    with pytest.raises(DataError, match="no predictions of split `train`"):
        load_predictions(tmp_path, "train")
