"""Numbers on the soft targets of a classifier: entropy, and quality of the cross-fitted ones."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.package.classification.ensemble import COLUMNS as ENSEMBLE
from teacherspec.package.classification.ensemble import LOG_PROBS, UNCERTAINTIES, matrix, stored_ensemble
from teacherspec.package.classification.soft_targets import FOLD, OUT_OF_FOLD_LOGITS
from teacherspec.package.resumable_shards import columns_of, read_shards

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

    def add_ensemble(self, batch: "pa.RecordBatch") -> None:
        """Count the mean distribution of the models of cross-fitting, and their disagreement."""
        found = stored_ensemble(batch)
        self.add(matrix(batch[LOG_PROBS]), batch["label"].to_numpy())
        self.counts["aleatoric"] += found.aleatoric.sum()
        self.counts["epistemic"] += found.epistemic.sum()

    def mean(self, name: str, over: str) -> float:
        """A sum over a count, rounded as reports are."""
        return round(float(self.counts[name] / max(1, self.counts[over])), DIGITS)

    def quality(self) -> dict[str, float]:
        """Mean `nll` (nats) and `accuracy` of the rows with a label."""
        return {"nll": self.mean("nll", "labelled"), "accuracy": self.mean("hits", "labelled")}


def target_statistics(package: Path, splits: Sequence[str]) -> dict[str, Any]:
    """Numbers on what lies in `distill/`, in bounded memory.

    Args:
        package: folder of the package.
        splits: names of the splits in it.

    Returns:
        `entropy`: split → mean entropy of the packaged model's distribution at temperature 1, nats;
        `out_of_fold`: None, or `folds`, `entropy` and `nll` (nats) and `accuracy` of the cross-fitted rows;
        `ensemble`: None, or split → `aleatoric`, `epistemic` (nats), and `nll` and `accuracy` where the rows
        have labels; `tokens`: None.
    """
    entropy, together = {}, {}
    crossed = _Sums()
    for split in splits:
        own, joined = _Sums(), _Sums()
        for batch in read_shards(package / "distill", split, _columns(package, split)):
            labels = batch["label"].to_numpy()
            own.add(matrix(batch["logits"]), labels)
            if LOG_PROBS in batch.schema.names and not batch[LOG_PROBS].null_count:
                joined.add_ensemble(batch)
            if OUT_OF_FOLD_LOGITS in batch.schema.names:
                there = batch.filter(batch[OUT_OF_FOLD_LOGITS].is_valid())
                if len(there):
                    crossed.folds |= set(there[FOLD].to_pylist())
                    crossed.add(matrix(there[OUT_OF_FOLD_LOGITS]), there["label"].to_numpy())
        entropy[split] = own.mean("entropy", "rows")
        if joined.counts["rows"]:
            together[split] = {
                **{name: joined.mean(name, "rows") for name in UNCERTAINTIES},
                **(joined.quality() if joined.counts["labelled"] else dict.fromkeys(("nll", "accuracy"))),
            }
    out_of_fold = None
    if crossed.counts["rows"]:
        means = {"entropy": crossed.mean("entropy", "rows"), **crossed.quality()}
        out_of_fold = {"folds": len(crossed.folds), **means}
    return {"entropy": entropy, "out_of_fold": out_of_fold, "ensemble": together or None, "tokens": None}


def _columns(package: Path, split: str) -> list[str]:
    """The columns of numbers that are there: contents, such as images, are not read."""
    names = columns_of(package / "distill", split)
    return [name for name in ("label", "logits", FOLD, OUT_OF_FOLD_LOGITS, *ENSEMBLE) if name in names]
