"""Quality of multi-label predictions, where each label is predicted or not by itself.

All numbers are those of scikit-learn, computed from sums over rows, so that thousands of resamples take
seconds. A resample is given by how often each row is in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import FloatArray, IntArray

PAIRS_AT_ONCE = 1 << 24
"""Pairs of labels that are compared in memory together."""


def sigmoid(logits: npt.ArrayLike) -> FloatArray:
    """Probabilities in float64, without overflow."""
    from scipy.special import expit

    probs: FloatArray = expit(np.asarray(logits, dtype=np.float64))
    return probs


def decision_nll(logits: npt.ArrayLike, labels: npt.ArrayLike) -> FloatArray:
    """Negative log-likelihood of each decision `[N, C]`, nats: log(1 + e^z) - y z, without overflow.

    Args:
        logits: `[N, C]`.
        labels: `[N, C]`, zeros and ones or probabilities.
    """
    z = np.asarray(logits, dtype=np.float64)
    losses: FloatArray = np.logaddexp(0.0, z) - np.asarray(labels, dtype=np.float64) * z
    return losses


def check_labels(logits: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Logits `[N, C]` as float64 and labels `[N, C]` as booleans.

    Raises:
        ValueError: shapes differ, no rows, a logit is NaN, or a label is not 0 or 1.
    """
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if z.ndim != 2 or z.shape != y.shape or not len(z):
        raise ValueError(
            f"logits and labels: given shapes {list(z.shape)} and {list(y.shape)}; expected [N, C]"
        )
    if np.isnan(z).any():
        raise ValueError(f"logits: row {int(np.flatnonzero(np.isnan(z).any(axis=1))[0])} holds NaN")
    if not np.isin(y, (0, 1)).all():
        row = int(np.flatnonzero(~np.isin(y, (0, 1)).all(axis=1))[0])
        raise ValueError(f"labels: row {row} holds values other than 0 and 1")
    return z, y.astype(bool)


def ranking_loss_per_row(scores: FloatArray, labels: npt.NDArray[np.bool_]) -> FloatArray:
    """Share of the pairs of a label that the row has and one that it has not in wrong order, `[N]`.

    Ties count as wrong, and rows with all labels or none as 0, as in scikit-learn's `label_ranking_loss`
    (Tsoumakas et al. 2010, "Mining multi-label data").

    Args:
        scores: `[N, C]`.
        labels: `[N, C]`.
    """
    rows, classes = scores.shape
    losses = np.zeros(rows)
    step = max(1, PAIRS_AT_ONCE // classes**2)
    for start in range(0, rows, step):
        part, has = scores[start : start + step], labels[start : start + step]
        wrong = part[:, None, :] >= part[:, :, None]
        pairs = has[:, :, None] & ~has[:, None, :]
        count = pairs.sum(axis=(1, 2))
        losses[start : start + step] = (wrong & pairs).sum(axis=(1, 2)) / np.maximum(count, 1)
    return losses


@dataclass(frozen=True)
class Decisions:
    """Scores, labels and predicted labels of N rows.

    Attributes:
        scores: `[N, C]`, by which labels are ranked.
        labels: `[N, C]`.
        predicted: `[N, C]`.
    """

    scores: FloatArray
    labels: npt.NDArray[np.bool_]
    predicted: npt.NDArray[np.bool_]

    @cached_property
    def counts(self) -> FloatArray:
        """`[N, 3, C]`: whether a label is right, predicted, and given."""
        found: FloatArray = np.stack(
            [self.labels & self.predicted, self.predicted, self.labels], axis=1
        ).astype(np.float64)
        return found

    @cached_property
    def by_row(self) -> FloatArray:
        """`[N, 3]`: share of right decisions, whether all are right, F1 of the row."""
        right, predicted, given = self.counts.sum(axis=2).T
        return np.stack(
            [
                (self.labels == self.predicted).mean(axis=1),
                (self.labels == self.predicted).all(axis=1),
                _f1(right, predicted, given),
            ],
            axis=1,
        )

    @cached_property
    def ranking_losses(self) -> FloatArray:
        """`[N]`, see `ranking_loss_per_row`."""
        return ranking_loss_per_row(self.scores, self.labels)

    @cached_property
    def _order(self) -> tuple[IntArray, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Rows by falling score of each label `[N, C]`, their labels, and where a run of ties ends."""
        order = np.argsort(-self.scores, axis=0, kind="stable")
        scores = np.take_along_axis(self.scores, order, axis=0)
        ends = np.ones(scores.shape, bool)
        ends[:-1] = scores[1:] != scores[:-1]
        return order, np.take_along_axis(self.labels, order, axis=0), ends

    def label_f1(self, times: FloatArray) -> FloatArray:
        """F1 of each label `[C]`, 0 where it is neither given nor predicted."""
        right, predicted, given = np.tensordot(times, self.counts, axes=1)
        return _f1(right, predicted, given)

    def label_average_precision(self, times: FloatArray) -> FloatArray:
        """Average precision `[C]` of each label: Σ (R_k - R_{k-1}) P_k over thresholds; NaN if not given."""
        order, labels, ends = self._order
        weights = times[order]
        hits, seen = np.cumsum(weights * labels, axis=0), np.cumsum(weights, axis=0)
        precision = hits / np.maximum(seen, 1e-300)
        # At a threshold all tied rows come together: their hits are taken at the precision of the last one.
        at_end = np.where(ends, hits, 0.0)
        before = np.maximum.accumulate(np.vstack([np.zeros((1, hits.shape[1])), at_end[:-1]]), axis=0)
        gained = np.where(ends, hits - before, 0.0)
        with np.errstate(invalid="ignore"):
            found: FloatArray = (gained * precision).sum(axis=0) / np.where(hits[-1] > 0, hits[-1], np.nan)
        return found

    def numbers(self, times: FloatArray) -> dict[str, float]:
        """The metrics of rows of which each counts as often as `times` `[N]` says.

        `macro_f1` is the mean over labels that are given or predicted, `mean_average_precision` over those
        that are given.
        """
        precisions = self.label_average_precision(times)
        known = ~np.isnan(precisions)
        decided = self.decided_numbers(times)
        found = {name: decided[name] for name in METRICS if name in decided}
        return {
            **found,
            "mean_average_precision": float(precisions[known].mean()) if known.any() else 0.0,
            "ranking_loss": float(times @ self.ranking_losses / times.sum()),
        }

    def decided_numbers(self, times: FloatArray) -> dict[str, float]:
        """The metrics that depend on what is predicted, and the mean precision and recall of labels.

        The means are over labels that are predicted, and that are given; 0 where there are none.
        """
        accuracy, subset, sample_f1 = (times @ self.by_row) / times.sum()
        right, predicted, given = np.tensordot(times, self.counts, axes=1)
        f1, occurs = _f1(right, predicted, given), given + predicted > 0
        return {
            "accuracy": float(accuracy),
            "subset_accuracy": float(subset),
            "macro_f1": float(f1[occurs].mean()) if occurs.any() else 0.0,
            "micro_f1": float(_f1(right.sum(), predicted.sum(), given.sum())),
            "sample_f1": float(sample_f1),
            "macro_precision": _mean_ratio(right, predicted),
            "macro_recall": _mean_ratio(right, given),
        }


METRICS = (
    "accuracy", "subset_accuracy", "macro_f1", "micro_f1", "sample_f1", "mean_average_precision",
    "ranking_loss",
)  # fmt: skip
"""Names of `Decisions.numbers`, in their order."""


def decide(scores: FloatArray, labels: npt.NDArray[np.bool_], thresholds: npt.ArrayLike) -> Decisions:
    """Decisions of labels whose scores reach thresholds `[C]`, or one for all."""
    return Decisions(scores, labels, scores >= np.asarray(thresholds))


def selection_numbers(logits: npt.ArrayLike, labels: npt.ArrayLike, names: Sequence[str]) -> dict[str, float]:
    """The metrics of validation that are named, of labels predicted from a probability of 0.5 on.

    Args:
        logits: `[N, C]`, raw.
        labels: `[N, C]`, zeros and ones.
        names: `nll` and `brier`, means over rows and labels, and those of `METRICS`.

    Raises:
        ValueError: a logit is NaN, or a label not 0 or 1.
    """
    z, y = check_labels(logits, labels)
    found: Mapping[str, float] = {
        "nll": float(decision_nll(z, y).mean()),
        "brier": float(((sigmoid(z) - y) ** 2).mean()),
        **decide(z, y, 0.0).numbers(np.ones(len(z))),
    }
    return {name: found[name] for name in names}


def _mean_ratio(right: FloatArray, of: FloatArray) -> float:
    """Mean of the ratios where the denominator is not 0; 0 where all are."""
    known = of > 0
    return float((right[known] / of[known]).mean()) if known.any() else 0.0


def _f1(right: FloatArray, predicted: FloatArray, given: FloatArray) -> FloatArray:
    """F1 from counts; 0 where nothing is given or predicted, as scikit-learn has it."""
    total = predicted + given
    found: FloatArray = np.where(total > 0, 2 * right / np.maximum(total, 1), 0.0)
    return found
