"""Detection of rows out of the scope of the task by a score that is higher inside the scope."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri

from teacherspec.metrics.ranking import area_under_roc, average_precision, separate
from teacherspec.metrics.scores.intervals import Interval
from teacherspec.metrics.scores.validation import FloatArray, finite_values, logit_rows, shifted


@dataclass(frozen=True)
class OodDetection:
    """How well a score separates in-scope (`in`) from out-of-scope (`out`) rows.

    Attributes:
        auroc: probability that an in-scope row scores above an out-of-scope one, ties counting half.
        aupr_in: average precision with in-scope rows positive. aupr_out: average precision with
        out-of-scope rows positive (by low score). fpr_at_95_in_recall: share of out-of-scope rows accepted
        by the highest threshold that accepts at least
            95 % of the in-scope rows (in-scope positive).
        fpr_at_95_out_recall: share of in-scope rows rejected by the lowest threshold that rejects at least
            95 % of the out-of-scope rows (out-of-scope positive). Benchmarks disagree on which of the two
            they call FPR95, so both are stated.
    """

    auroc: float
    aupr_in: float
    aupr_out: float
    fpr_at_95_in_recall: float
    fpr_at_95_out_recall: float


def ood_detection(in_scores: npt.ArrayLike, out_scores: npt.ArrayLike) -> OodDetection:
    """All measures of separation of in-scope scores `[P]` from out-of-scope scores `[Q]`.

    Higher scores mean "in scope": `confidence_log_odds`, or minus `energy`.

    Raises:
        ValueError: no rows on one side, or a score that is not finite, naming the row.
    """
    inside = finite_values(in_scores, name="in_scores")
    outside = finite_values(out_scores, name="out_scores")
    groups = separate(inside, outside)
    return OodDetection(
        auroc=area_under_roc(groups),
        aupr_in=average_precision(groups),
        aupr_out=average_precision(separate(-outside, -inside)),
        fpr_at_95_in_recall=_accepted_at_recall(inside, outside),
        fpr_at_95_out_recall=_accepted_at_recall(-outside, -inside),
    )


def auroc_interval(
    in_scores: npt.ArrayLike, out_scores: npt.ArrayLike, *, confidence: float = 0.95
) -> Interval:
    """AUROC with the interval of DeLong et al. 1988, on the log-odds scale so that it stays in [0, 1].

    A perfect separation has no measurable spread: its interval then assumes one more pair, ranked wrong.

    Args:
        in_scores: `[P]`, higher means in scope.
        out_scores: `[Q]`.
        confidence: level of the interval.

    Raises:
        ValueError: fewer than two rows on one side, or a score that is not finite, naming the row.
    """
    inside = finite_values(in_scores, name="in_scores")
    outside = finite_values(out_scores, name="out_scores")
    if min(len(inside), len(outside)) < 2:
        raise ValueError(f"scores: given {len(inside)} and {len(outside)}; expected at least 2 on each side")
    area = area_under_roc(separate(inside, outside))
    wins = _share_below(inside, outside)
    losses = _share_below(outside, inside)
    spread = np.sqrt(wins.var(ddof=1) / len(inside) + losses.var(ddof=1) / len(outside))
    smallest = 0.5 / (len(inside) * len(outside))
    centre = float(np.clip(area, smallest, 1.0 - smallest))
    half = ndtri(0.5 + confidence / 2) * max(float(spread), smallest) / (centre * (1.0 - centre))
    return Interval(area, float(expit(logit(centre) - half)), float(expit(logit(centre) + half)))


def _share_below(scores: FloatArray, others: FloatArray) -> FloatArray:
    """Share `[P]` of `others` below each score, ties counting half."""
    ascending = np.sort(others)
    both = np.searchsorted(ascending, scores, side="left") + np.searchsorted(ascending, scores, side="right")
    share: FloatArray = both / (2.0 * len(others))
    return share


def _accepted_at_recall(positive: FloatArray, negative: FloatArray) -> float:
    """Share of negatives at or above the highest threshold that accepts at least 95 % of the positives."""
    # Integers: 0.95 * 20 must not round up to 20 rows.
    accepted = -(-95 * len(positive) // 100)
    threshold = np.sort(positive)[len(positive) - accepted]
    return float((negative >= threshold).mean())


def confidence_log_odds(logits: npt.ArrayLike) -> FloatArray:
    """Log-odds `[N]` of the largest probability of logits `[N, C]`: the order of max-probability.

    Probabilities saturate at 1 and lose the order among confident rows; their log-odds do not.

    Raises:
        ValueError: wrong shape, fewer than two classes, or not finite, naming the row.
    """
    array = logit_rows(logits)
    if array.shape[1] < 2:
        raise ValueError(f"logits: given shape {list(array.shape)}; expected at least two classes")
    z = shifted(array)
    rows = np.arange(len(z))
    z[rows, z.argmax(axis=1)] = -np.inf
    second = finite_values(z.max(axis=1), name="second largest logit")
    rest: FloatArray = second + np.log(np.exp(z - second[:, None]).sum(axis=1))
    return -rest


def energy(logits: npt.ArrayLike, *, temperature: float = 1.0) -> FloatArray:
    """Free energy `[N]` of logits `[N, C]`: -T LSE(z / T), low inside the scope (Liu et al. 2020).

    Raises:
        ValueError: wrong shape, NaN, +∞ or nothing finite in a row, or a temperature that is not positive.
    """
    if not temperature > 0.0:
        raise ValueError(f"temperature: given {temperature}; expected a positive number")
    array = logit_rows(logits)
    z = shifted(array)
    top = array.max(axis=1).astype(np.float64)
    free: FloatArray = top + temperature * np.log(np.exp(z / temperature).sum(axis=1))
    return -free
