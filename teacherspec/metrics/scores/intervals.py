"""Confidence intervals: Wilson's for shares, seeded bootstrap intervals for everything else."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import FloatArray, IntArray, finite_values

Statistic = Callable[[IntArray], npt.ArrayLike]
"""From row indices `[N]` (with repetitions) to one number, or to an array of them."""


@dataclass(frozen=True)
class Interval:
    """A measured value between the bounds of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class BootstrapDraws:
    """A statistic on the rows as they are, and on resamples of them.

    Attributes:
        observed: `[...]`, the shape of the statistic.
        resampled: `[n_resamples, ...]`.
    """

    observed: FloatArray
    resampled: FloatArray


def _check_level(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: given {confidence}; expected a level between 0 and 1, such as 0.95")


def wilson_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Wilson score interval of a share (Wilson 1927), valid also at 0, at 1 and for few trials.

    Raises:
        ValueError: no trials, or successes outside 0..trials.
    """
    _check_level(confidence)
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(
            f"successes, trials: given {successes}, {trials}; expected 0 <= successes <= trials, trials >= 1"
        )
    from scipy.stats import binomtest  # here, because importing it takes a second

    interval = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    # The formula touches 0 and 1 only up to rounding.
    low = 0.0 if successes == 0 else float(interval.low)
    high = 1.0 if successes == trials else float(interval.high)
    return Interval(successes / trials, low, high)


def bootstrap(statistic: Statistic, rows: int, *, n_resamples: int = 1000, seed: int = 0) -> BootstrapDraws:
    """A statistic on resamples of `rows` rows with replacement (Efron 1979).

    One call with an array-valued statistic shares its resamples between metrics, and between two models
    measured on the same rows, which is what pairs them.

    Args:
        statistic: called with `arange(rows)` and then with each resample.
        rows: N.
        n_resamples: number of resamples.
        seed: of the resamples; the same seed gives the same numbers.

    Raises:
        ValueError: fewer than two rows, no resamples, or a statistic that is not finite.
    """
    if rows < 2:
        raise ValueError(f"rows: given {rows}; expected at least 2, one row has no spread")
    if n_resamples < 1:
        raise ValueError(f"n_resamples: given {n_resamples}; expected at least 1")
    generator = np.random.default_rng(seed)
    observed = np.asarray(statistic(np.arange(rows)), dtype=np.float64)
    resampled = np.empty((n_resamples, *observed.shape))
    for draw in range(n_resamples):
        resampled[draw] = statistic(generator.integers(0, rows, size=rows))
    if not (np.isfinite(observed).all() and np.isfinite(resampled).all()):
        raise ValueError("statistic: not finite on the rows or on a resample of them")
    return BootstrapDraws(observed, resampled)


def interval_of(observed: float, resampled: npt.ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Percentile interval of a statistic from its resamples `[n_resamples]`.

    Raises:
        ValueError: no resamples, or one that is not finite.
    """
    low, high = _quantiles(resampled, confidence)
    return Interval(float(observed), low, high)


def calibration_error_interval(
    observed: float, resampled: npt.ArrayLike, *, noise_point: float, confidence: float = 0.95
) -> Interval:
    """Interval of a binned calibration error, whose resamples lie above the truth (it adds noise to noise).

    Neither the quantiles of the resamples nor their mirror image about the observed value hold their
    level near zero; the wider end of the two does on each side, together with a lower end of 0 for every
    error that a perfectly calibrated model shows too.

    Args:
        observed: the error on the rows as they are.
        resampled: `[n_resamples]`, the error on resamples of them.
        noise_point: 95 % point for a perfectly calibrated model, `calibration.ece_noise_quantile`.
        confidence: level of the interval.

    Raises:
        ValueError: no resamples, or one that is not finite.
    """
    low, high = _quantiles(resampled, confidence)
    lower = 0.0 if observed <= noise_point else max(0.0, min(low, 2.0 * observed - high))
    return Interval(float(observed), lower, max(high, 2.0 * observed - low))


def _quantiles(resampled: npt.ArrayLike, confidence: float) -> tuple[float, float]:
    _check_level(confidence)
    draws = finite_values(resampled, name="resampled")
    low, high = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def mean_interval(
    values: npt.ArrayLike, *, n_resamples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """Percentile bootstrap interval of the mean of row-wise values `[N]` (NLL, Brier, accuracy).

    Raises:
        ValueError: not finite, or fewer than two rows.
    """
    array = finite_values(values, name="values")
    draws = bootstrap(lambda rows: array[rows].mean(), len(array), n_resamples=n_resamples, seed=seed)
    return interval_of(float(draws.observed), draws.resampled, confidence=confidence)
