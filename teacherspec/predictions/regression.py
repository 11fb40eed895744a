"""Predictions of regression: one score a row, as the model gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from teacherspec.predictions.index import read_split
from teacherspec.runtime.atomic_io import write_parquet

OUTPUT_TYPE = "regression"


@dataclass(frozen=True)
class ScorePredictions:
    """Scores of one split.

    Attributes:
        ids: row ids, length N.
        labels: `[N]` float64; NaN where a row has no score (role `transfer`).
        scores: `[N]` float32, of the model, before any calibration.
    """

    ids: Sequence[str]
    labels: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        rows = (len(self.ids),)
        if self.labels.shape != rows or self.scores.shape != rows:
            raise ValueError(
                f"predictions disagree: {rows[0]} ids, labels {self.labels.shape}, scores {self.scores.shape}"
            )


def save_scores(path: Path, predictions: ScorePredictions) -> None:
    """Write one split as Parquet: `id`, `label` (null where there is none), `logits` `[1]`."""
    import pyarrow as pa

    missing = np.isnan(predictions.labels)
    flat = pa.array(np.ascontiguousarray(predictions.scores, dtype=np.float32))
    columns = {
        "id": pa.array(predictions.ids, pa.string()),
        "label": pa.array(predictions.labels, pa.float64(), mask=missing),
        "logits": pa.FixedSizeListArray.from_arrays(flat, 1),
    }
    write_parquet(path, pa.table(columns))


def load_scores(folder: Path, split: str) -> ScorePredictions:
    """Read the predictions of `split` from `folder` (`artifacts/evaluate`).

    Raises:
        DataError: there is no such split.
    """
    table = read_split(folder, split)
    scores = table["logits"].chunk(0).flatten().to_numpy() if table.num_rows else np.empty(0, np.float32)
    labels = table["label"].fill_null(np.nan).to_numpy()
    return ScorePredictions(table["id"].to_pylist(), labels, scores)
