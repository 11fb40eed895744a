"""How uncertain the teacher is about the soft targets of a multi-label task."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.multi_label import decision_nll, sigmoid
from teacherspec.package.resumable_shards import read_shards

if TYPE_CHECKING:
    import pyarrow as pa

DIGITS = 6


def numbers_of(batch: "pa.RecordBatch", name: str) -> npt.NDArray[Any]:
    """A column of lists of C numbers as `[N, C]`."""
    found: npt.NDArray[Any] = batch[name].flatten().to_numpy().reshape(len(batch), -1)
    return found


def target_statistics(package: Path, splits: Sequence[str]) -> dict[str, Any]:
    """Numbers on what lies in `distill/`, in bounded memory.

    Args:
        package: folder of the package.
        splits: names of the splits in it.

    Returns:
        `entropy`: split → mean entropy of a row, summed over its labels, at temperature 1, nats;
        `out_of_fold` and `tokens`: None.
    """
    entropy = {}
    for split in splits:
        total, count = 0.0, 0
        for batch in read_shards(package / "distill", split, ["logits"]):
            logits = numbers_of(batch, "logits").astype(np.float64)
            total += float(decision_nll(logits, sigmoid(logits)).sum())
            count += len(batch)
        entropy[split] = round(total / max(1, count), DIGITS)
    return {"entropy": entropy, "out_of_fold": None, "tokens": None}
