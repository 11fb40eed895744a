"""Predictions of classification: the interface between `evaluate` and the later stages.

The later stages know no task and run no model. Logits are raw (before any temperature); no function guesses
from values whether an array holds logits or probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from teacherspec.predictions.index import read_split
from teacherspec.runtime.atomic_io import write_parquet

NO_LABEL = -1
"""Label of a row that belongs to none of the classes (role `ood`), or whose class is unknown
(role `transfer`)."""


OUT_OF_FOLD = "out_of_fold"
"""In place of a split's name: predictions of train rows by models that were not trained on them."""


@dataclass(frozen=True)
class Predictions:
    """Logits of one split.

    Attributes:
        ids: row ids, length N.
        labels: `[N]` int32, index into the label names; `NO_LABEL` where the row has none.
        logits: `[N, C]` float32, temperature 1.
        weights: `[N]` float64, as given; None where rows have no weights.
        label_probs: `[N, C]` float64, shares of annotators' votes or probabilities, of which the label is
            the class of the largest; None where rows have a label alone.
    """

    ids: Sequence[str]
    labels: npt.NDArray[np.int32]
    logits: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float64] | None = None
    label_probs: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        rows = len(self.ids)
        if self.labels.shape != (rows,) or self.logits.ndim != 2 or self.logits.shape[0] != rows:
            raise ValueError(
                f"predictions disagree: {rows} ids, labels {self.labels.shape}, logits {self.logits.shape}; "
                "expected [N], [N], [N, C]"
            )


@dataclass(frozen=True)
class SliceRows:
    """A named part of the test split.

    Attributes:
        name: such as `label = wet`.
        family: `declared`, `confidence` or `discovered`; the last were found by their errors.
        rows: positions in the order of the test predictions, ascending.
    """

    name: str
    family: str
    rows: npt.NDArray[np.intp]


def save_predictions(path: Path, predictions: Predictions) -> None:
    """Write one split as Parquet: `id`, `label`, `logits` (fixed-size list of float32).

    Where rows have them, also `weight` and `label_probs`.
    """
    import pyarrow as pa

    rows, classes = predictions.logits.shape
    flat = pa.array(np.ascontiguousarray(predictions.logits, dtype=np.float32).reshape(rows * classes))
    columns = {
        "id": pa.array(predictions.ids, pa.string()),
        "label": pa.array(predictions.labels, pa.int32()),
        "logits": pa.FixedSizeListArray.from_arrays(flat, classes),
    }
    if predictions.weights is not None:
        columns["weight"] = pa.array(predictions.weights, pa.float64())
    if predictions.label_probs is not None:
        shares = pa.array(predictions.label_probs.reshape(rows * classes), pa.float64())
        columns["label_probs"] = pa.FixedSizeListArray.from_arrays(shares, classes)
    write_parquet(path, pa.table(columns))


def load_predictions(folder: Path, split: str) -> Predictions:
    """Read the predictions of `split` from `folder` (`artifacts/evaluate`).

    Raises:
        DataError: there is no such split.
    """
    table = read_split(folder, split)
    classes = table.schema.field("logits").type.list_size
    logits = table["logits"].chunk(0).flatten().to_numpy() if table.num_rows else np.empty(0, np.float32)
    shares = None
    if "label_probs" in table.schema.names:
        shares = table["label_probs"].combine_chunks().flatten().to_numpy().reshape(table.num_rows, classes)
    return Predictions(
        ids=table["id"].to_pylist(),
        labels=table["label"].to_numpy(),
        logits=logits.reshape(table.num_rows, classes),
        weights=table["weight"].to_numpy() if "weight" in table.schema.names else None,
        label_probs=shares,
    )


def save_slices(folder: Path, slices: Sequence[SliceRows]) -> None:
    """Write `slices.parquet` into `folder` (`artifacts/evaluate`)."""
    import pyarrow as pa

    table = pa.table(
        {
            "slice": pa.array([one.name for one in slices], pa.string()),
            "family": pa.array([one.family for one in slices], pa.string()),
            "rows": pa.array([one.rows for one in slices], pa.list_(pa.int64())),
        }
    )
    write_parquet(folder / "slices.parquet", table)


def load_slices(folder: Path) -> list[SliceRows]:
    """The slices of the test split that `save_slices` wrote, in their order; none where it wrote none."""
    import pyarrow.parquet as pq

    path = folder / "slices.parquet"
    rows = pq.read_table(path).to_pylist() if path.exists() else []
    return [SliceRows(row["slice"], row["family"], np.asarray(row["rows"], np.intp)) for row in rows]
