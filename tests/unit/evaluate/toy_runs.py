"""EvalTable splits made by hand, with known rights and wrongs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.content_features import RowContent, text_features
from teacherspec.predictions.classification import Predictions
from teacherspec.runtime.atomic_io import write_json, write_tsv

NAMES = ("cold", "hot", "wet")


def measured(
    labels: Sequence[int],
    predicted: Sequence[int],
    *,
    confidence: float | Sequence[float] = 0.8,
    texts: Sequence[str] | None = None,
    columns: Mapping[str, Sequence[Any]] | None = None,
    label_names: tuple[str, ...] = NAMES,
) -> EvalTable:
    """Rows with these labels and predictions; the other classes share what the confidence leaves."""
    rows, classes = len(labels), len(label_names)
    sure = np.broadcast_to(np.asarray(confidence, dtype=np.float64), (rows,))
    probs = np.repeat(((1 - sure) / (classes - 1))[:, None], classes, axis=1)
    probs[np.arange(rows), predicted] = sure
    shown = texts or [f"text {i}" for i in range(rows)]
    ids = [f"r{i:04d}" for i in range(rows)]
    predictions = Predictions(ids, np.asarray(labels, np.int32), np.log(probs).astype(np.float32))
    return EvalTable(predictions, label_names, RowContent(shown, text_features(shown), columns or {}))


def drawn(rows: int, seed: int, right: float = 0.8, **values: Any) -> EvalTable:
    """Random labels, of which a share is predicted right; where it errs is pure chance."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, rows)
    wrong = draw.random(rows) >= right
    predicted = np.where(wrong, (labels + draw.integers(1, 3, rows)) % 3, labels)
    return measured(labels.tolist(), predicted.tolist(), **values)


def training_log(folder: Path) -> Path:
    """A finetuned folder as far as the report reads it: log and summary."""
    steps = [(step, step / 10, 2.0 / step, 1e-4, 1.0) for step in range(1, 41)]
    write_tsv(folder / "log/steps.tsv", ("step", "epoch", "loss", "learning_rate", "grad_norm"), steps)
    evaluations = [(10 * k, float(k), 1.0 / k, 1 - 0.4 / k, 0.8, 0.2) for k in range(1, 5)]
    columns = ("step", "epoch", "nll", "accuracy", "macro_f1", "brier")
    write_tsv(folder / "log/evaluations.tsv", columns, evaluations)
    write_json(folder / "training.json", {"best_epoch": 3.0})
    return folder
