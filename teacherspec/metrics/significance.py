"""Paired tests of two models on the same rows, and adjustment for many tests at once."""

from dataclasses import dataclass

import numpy.typing as npt
from scipy.special import bdtr

from teacherspec.metrics.scores.intervals import Interval, bootstrap, interval_of
from teacherspec.metrics.scores.validation import FloatArray, finite_values, truth_values


@dataclass(frozen=True)
class PairedDifference:
    """How much the second differs from the first.

    Attributes:
        difference: mean of second - first, with its interval.
        p_value: two-sided; 1 when nothing differs.
    """

    difference: Interval
    p_value: float


def mcnemar_exact(first_only: int, second_only: int) -> float:
    """Two-sided exact p-value of McNemar's test (McNemar 1947): a fair coin over the discordant pairs.

    Args:
        first_only: rows that only the first model has right.
        second_only: rows that only the second model has right.

    Raises:
        ValueError: a negative count.
    """
    if first_only < 0 or second_only < 0:
        raise ValueError(f"discordant pairs: given {first_only}, {second_only}; expected counts")
    discordant = first_only + second_only
    if first_only == second_only:
        return 1.0
    return min(1.0, 2.0 * float(bdtr(min(first_only, second_only), discordant, 0.5)))


def compare_accuracy(first_correct: npt.ArrayLike, second_correct: npt.ArrayLike) -> float:
    """Exact McNemar p-value of two models' hits `[N]`, `[N]` on the same rows in the same order.

    Raises:
        ValueError: different lengths, no rows, or values other than 0 and 1.
    """
    first = truth_values(first_correct, name="first_correct")
    second = truth_values(second_correct, name="second_correct", rows=len(first))
    return mcnemar_exact(int((first & ~second).sum()), int((second & ~first).sum()))


def bootstrap_p_value(resampled: FloatArray) -> float:
    """Two-sided p-value of a difference from its resamples `[R]` (Davison & Hinkley 1997, ch. 4.2).

    Counts resamples on the far side of zero, zero itself on both sides, so a model compared with itself gives
    1; the smallest value is 2 / (R + 1).
    """
    sides = [(1 + int(side.sum())) / (len(resampled) + 1) for side in (resampled <= 0, resampled >= 0)]
    return min(1.0, 2.0 * min(sides))


def paired_bootstrap(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> PairedDifference:
    """Mean of second - first over row-wise values `[N]`, `[N]` (such as NLL), resampling rows in pairs.

    Raises:
        ValueError: different lengths, fewer than two rows, or values that are not finite.
    """
    left = finite_values(first, name="first")
    change = finite_values(second, name="second", rows=len(left)) - left
    draws = bootstrap(lambda rows: change[rows].mean(), len(change), n_resamples=n_resamples, seed=seed)
    return PairedDifference(
        difference=interval_of(float(draws.observed), draws.resampled, confidence=confidence),
        p_value=bootstrap_p_value(draws.resampled),
    )


def benjamini_hochberg(p_values: npt.ArrayLike) -> FloatArray:
    """P-values `[N]` adjusted for the false discovery rate (Benjamini & Hochberg 1995), in the given order.

    Rejecting where the adjusted value is at most q keeps the expected share of false alarms at q.

    Raises:
        ValueError: a value outside [0, 1], or none at all.
    """
    p = finite_values(p_values, name="p_values")
    if p.min() < 0.0 or p.max() > 1.0:
        raise ValueError(f"p_values: given range [{p.min()}, {p.max()}]; expected [0, 1]")
    from scipy.stats import false_discovery_control

    adjusted: FloatArray = false_discovery_control(p)
    return adjusted
