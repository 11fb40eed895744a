"""Numbers on the soft targets of a classifier: entropy, and quality of the cross-fitted ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.package.classification.soft_targets import FOLD, OUT_OF_FOLD_LOGITS
from teacherspec.package.resumable_shards import read_shards, shard_paths

if TYPE_CHECKING:
    import pyarrow as pa

DIGITS = 6


@dataclass
class _Sums:
    """Running sums over the rows of one column of logits."""

    counts: Counter[str] = field(default_factory=Counter)
    folds: set[int] = field(default_factory=set)

    def add(self, logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> None:
        """Count logits `[N, C]` with labels `[N]`; a label of -1 is none."""
        log_probs = log_softmax(logits)
        known = labels >= 0
        own = log_probs[known, labels[known]]
        self.counts["rows"] += len(labels)
        self.counts["labelled"] += int(known.sum())
        self.counts["entropy"] -= (np.exp(log_probs) * log_probs).sum()
        self.counts["nll"] -= own.sum()
        self.counts["hits"] += int((log_probs[known].argmax(1) == labels[known]).sum())

    def mean(self, name: str, over: str) -> float:
        """A sum over a count, rounded as reports are."""
        return round(float(self.counts[name] / max(1, self.counts[over])), DIGITS)


def target_statistics(package: Path, splits: Sequence[str]) -> dict[str, Any]:
    """Numbers on what lies in `distill/`, in bounded memory.

    Args:
        package: folder of the package.
        splits: names of the splits in it.

    Returns:
        `entropy`: split → mean entropy of the packaged model's distribution at temperature 1, nats;
        `out_of_fold`: None, or `folds`, `entropy` and `nll` (nats) and `accuracy` of the cross-fitted rows;
        `tokens`: None.
    """
    entropy = {}
    crossed = _Sums()
    for split in splits:
        own = _Sums()
        for batch in read_shards(package / "distill", split, _columns(package, split)):
            labels = batch["label"].to_numpy()
            own.add(_logits(batch["logits"]), labels)
            if OUT_OF_FOLD_LOGITS in batch.schema.names:
                there = batch.filter(batch[OUT_OF_FOLD_LOGITS].is_valid())
                if len(there):
                    crossed.folds |= set(there[FOLD].to_pylist())
                    crossed.add(_logits(there[OUT_OF_FOLD_LOGITS]), there["label"].to_numpy())
        entropy[split] = own.mean("entropy", "rows")
    if not crossed.counts["rows"]:
        return {"entropy": entropy, "out_of_fold": None, "tokens": None}
    names = {"entropy": ("entropy", "rows"), "nll": ("nll", "labelled"), "accuracy": ("hits", "labelled")}
    means = {name: crossed.mean(*parts) for name, parts in names.items()}
    out_of_fold = {"folds": len(crossed.folds), **means}
    return {"entropy": entropy, "out_of_fold": out_of_fold, "tokens": None}


def _columns(package: Path, split: str) -> list[str]:
    """The columns of numbers that are there: contents, such as images, are not read."""
    import pyarrow.parquet as pq

    names = pq.read_schema(shard_paths(package / "distill", split)[0]).names
    return [name for name in ("label", "logits", FOLD, OUT_OF_FOLD_LOGITS) if name in names]


def _logits(column: "pa.Array") -> npt.NDArray[np.float32]:
    flat: npt.NDArray[np.float32] = column.flatten().to_numpy()
    return flat.reshape(len(column), -1)
