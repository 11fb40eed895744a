"""How much a metric moves between trainings that differ in their seed alone, and differences beyond that.

Student's t, because there are few trainings and their spread has to be estimated from them. The rows are the
same for all: what another sample of rows would change is not in these numbers.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.intervals import Interval
from teacherspec.metrics.scores.validation import finite_values


@dataclass(frozen=True)
class Trainings:
    """A metric over several trainings.

    Attributes:
        mean: over the trainings.
        sd: standard deviation, with n - 1 in the denominator; 0 for one training, whose spread is unknown.
        count: n trainings.
    """

    mean: float
    sd: float
    count: int


@dataclass(frozen=True)
class SeedTest:
    """Whether two means differ by more than seeds explain.

    Attributes:
        difference: after - before, with its interval.
        p_value: two-sided, by Student's t.
    """

    difference: Interval
    p_value: float


def trainings(values: npt.ArrayLike) -> Trainings:
    """Mean and spread of a metric `[n]`, one value a training.

    Raises:
        ValueError: fewer than two trainings, or a value that is not finite.
    """
    array = finite_values(values, name="values")
    if len(array) < 2:
        raise ValueError(f"values: given {len(array)}; expected at least 2, one training has no spread")
    return Trainings(float(array.mean()), float(array.std(ddof=1)), len(array))


def mean_over_seeds(found: Trainings, *, confidence: float = 0.95) -> Interval:
    """The mean of two or more trainings, with its interval over further trainings (Student 1908)."""
    half = _half_width(found.sd / np.sqrt(found.count), found.count - 1, confidence)
    return Interval(found.mean, found.mean - half, found.mean + half)


def compare_trainings(before: Trainings, after: Trainings, *, confidence: float = 0.95) -> SeedTest:
    """The difference of two means over seeds (Welch 1947).

    Where one side is a single training, it is taken as one more draw with the spread of the other side.

    Raises:
        ValueError: both are single trainings.
    """
    if before.count < 2 and after.count < 2:
        raise ValueError("trainings: given one on each side; expected at least two on one of them")
    if min(before.count, after.count) < 2:
        several = max(before, after, key=lambda side: side.count)
        error, freedom = several.sd * np.sqrt(1 + 1 / several.count), float(several.count - 1)
    else:
        parts = [side.sd**2 / side.count for side in (before, after)]
        error = np.sqrt(sum(parts))
        scale = sum(part**2 / (side.count - 1) for part, side in zip(parts, (before, after), strict=True))
        freedom = sum(parts) ** 2 / scale if scale > 0 else float(min(before.count, after.count) - 1)
    difference = after.mean - before.mean
    half = _half_width(error, freedom, confidence)
    return SeedTest(
        Interval(difference, difference - half, difference + half), _p_value(difference, error, freedom)
    )


def _half_width(error: float, freedom: float, confidence: float) -> float:
    from scipy.stats import t

    return float(t.ppf(0.5 + confidence / 2, freedom) * error)


def _p_value(difference: float, error: float, freedom: float) -> float:
    from scipy.stats import t

    if error == 0.0:  # all trainings of a side gave the same number
        return 1.0 if difference == 0.0 else 0.0
    return float(2.0 * t.sf(abs(difference) / error, freedom))
