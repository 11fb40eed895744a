"""Predictions of multi-label tasks: the interface between `evaluate` and the later stages.

The later stages know no task and run no model. Logits are raw (before any temperature).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from teacherspec.predictions.index import read_split
from teacherspec.runtime.atomic_io import write_parquet

OUTPUT_TYPE = "multi_label"
"""This type of output, as named in `predictions.json`."""

UNKNOWN = -1
"""In place of zeros and ones where the labels of a row are not known (role `transfer`)."""


@dataclass(frozen=True)
class LabelPredictions:
    """Logits of one split.

    Attributes:
        ids: row ids, length N.
        labels: `[N, C]` int8, zeros and ones in the order of the label names; `UNKNOWN` throughout where
            they are not known.
        logits: `[N, C]` float32, temperature 1.
    """

    ids: Sequence[str]
    labels: npt.NDArray[np.int8]
    logits: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        rows = len(self.ids)
        if self.logits.ndim != 2 or self.logits.shape != self.labels.shape or self.logits.shape[0] != rows:
            raise ValueError(
                f"predictions disagree: {rows} ids, labels {self.labels.shape}, logits {self.logits.shape}; "
                "expected [N], [N, C], [N, C]"
            )


def save_label_predictions(path: Path, predictions: LabelPredictions) -> None:
    """Write one split as Parquet: `id`, `labels` (int8) and `logits` (float32), both lists of C numbers."""
    import pyarrow as pa

    rows, classes = predictions.logits.shape
    flat = (
        pa.array(np.ascontiguousarray(predictions.labels, np.int8).reshape(rows * classes)),
        pa.array(np.ascontiguousarray(predictions.logits, np.float32).reshape(rows * classes)),
    )
    labels, logits = (pa.FixedSizeListArray.from_arrays(values, classes) for values in flat)
    write_parquet(
        path, pa.table({"id": pa.array(predictions.ids, pa.string()), "labels": labels, "logits": logits})
    )


def load_label_predictions(folder: Path, split: str) -> LabelPredictions:
    """Read the predictions of `split` from `folder` (`artifacts/evaluate`).

    Raises:
        DataError: there is no such split.
    """
    table = read_split(folder, split)
    classes = table.schema.field("logits").type.list_size
    labels, logits = (
        table[name].combine_chunks().flatten().to_numpy().reshape(table.num_rows, classes)
        for name in ("labels", "logits")
    )
    return LabelPredictions(table["id"].to_pylist(), labels, logits)
