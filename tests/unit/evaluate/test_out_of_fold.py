"""The loss ratio that a memoriser cannot hide in."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from teacherspec.evaluate.classification.out_of_fold import FILE, load_out_of_fold, out_of_fold_metrics
from teacherspec.evaluate.finding import memorised
from teacherspec.metrics.loss_ratio import loss_ratio
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.predictions.classification import Predictions
from teacherspec.runtime.atomic_io import write_parquet

OPTIONS: dict[str, Any] = {"confidence": 0.95, "resamples": 100, "seed": 0}


def predicted(rows: int, seed: int, sharpness: float) -> Predictions:
    """Logits that favour the label; only as calibrated as `sharpness` makes them."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, rows)
    logits = draw.normal(size=(rows, 3))
    logits[np.arange(rows), labels] += sharpness
    return Predictions(
        [f"{seed}-{at}" for at in range(rows)], labels.astype(np.int32), logits.astype(np.float32)
    )


def store(folder: Path, own: Predictions) -> None:
    flat = pa.array(own.logits.reshape(-1))
    columns = {
        "id": own.ids,
        "fold": [0] * len(own.ids),
        "logits": pa.FixedSizeListArray.from_arrays(flat, 3),
    }
    write_parquet(folder / FILE, pa.table(columns))


def test_a_memoriser_shows_in_one_ratio_and_not_in_the_other(tmp_path: Path) -> None:
    """Train rows known by heart, and like validation rows to models that had not seen them."""
    train, validation = predicted(300, 0, 30.0), predicted(200, 1, 2.0)
    unseen = Predictions(train.ids, train.labels, train.logits.copy())
    unseen.logits[np.arange(300), train.labels] -= 28.0
    store(tmp_path, unseen)
    loaded = load_out_of_fold(tmp_path, train)
    assert loaded is not None
    assert (loaded.labels == train.labels).all()
    found = out_of_fold_metrics(loaded, validation, **OPTIONS)
    on_seen = loss_ratio(nll(validation.logits, validation.labels), nll(train.logits, train.labels))
    assert on_seen > 100
    assert 0.7 < found["loss_ratio_out_of_fold"] < 1.4
    assert found["out_of_fold"]["nll"]["value"] == pytest.approx(nll(unseen.logits, train.labels))
    assert found["out_of_fold"]["rows"] == 300
    oracle = stats.entropy(np.exp(unseen.logits) / np.exp(unseen.logits).sum(1, keepdims=True), axis=1)
    assert found["out_of_fold"]["entropy"] == pytest.approx(oracle.mean(), rel=1e-5)


def test_without_cross_fitting_there_is_none(tmp_path: Path) -> None:
    train = predicted(30, 0, 2.0)
    assert load_out_of_fold(tmp_path, train) is None
    assert out_of_fold_metrics(None, train, **OPTIONS) == {}


def test_harder_validation_rows_are_told() -> None:
    subjects = [one.subject for one in memorised(8.0, 1.5)]
    assert subjects == ["loss_ratio_out_of_fold", "loss_ratio"]
    assert [one.subject for one in memorised(8.0, 1.1)] == ["loss_ratio"]
    assert [one.subject for one in memorised(1.1)] == []
