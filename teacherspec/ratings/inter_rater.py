"""Agreement of raters beyond chance: Krippendorff's alpha."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from teacherspec.metrics.scores.intervals import Interval, interval_of
from teacherspec.metrics.scores.validation import IntArray


@dataclass(frozen=True)
class Agreement:
    """Agreement of raters.

    Attributes:
        alpha: 1 for perfect agreement, 0 for chance, below 0 for worse; with its interval.
        units: items that at least two raters rated.
    """

    alpha: Interval
    units: int


def ordinal_agreement(
    ratings: Sequence[Sequence[float]], *, n_resamples: int, seed: int, confidence: float
) -> Agreement | None:
    """Krippendorff's alpha with the ordinal distance (Krippendorff 2011), its interval by resampling units.

    Alpha depends only on which values each unit was given, not on who gave them, so raters may have rated
    different units. Resamples in which only one value occurs have no alpha and are left out.

    Args:
        ratings: for each unit the values it was given, at least one.
        n_resamples: number of resamples.
        seed: of the resamples.
        confidence: level of the interval.

    Returns:
        None where alpha is not defined: fewer than two units were rated by at least two raters, or all
        those ratings are the same.
    """
    several = [unit for unit in ratings if len(unit) > 1]
    values = sorted({value for unit in several for value in unit})
    if len(several) < 2 or len(values) < 2:
        return None
    counts = np.array([[unit.count(value) for value in values] for unit in map(list, several)])
    draw = np.random.default_rng(seed)
    draws = [_alpha(counts[draw.integers(0, len(counts), len(counts))], values) for _ in range(n_resamples)]
    resampled = [alpha for alpha in draws if alpha is not None]
    observed = _alpha(counts, values)
    if observed is None or not resampled:
        return None
    return Agreement(interval_of(observed, resampled, confidence=confidence), len(several))


def _alpha(counts: IntArray, values: Sequence[float]) -> float | None:
    """Alpha of the counts `[units, values]` of each value, or None where only one value occurs."""
    import krippendorff

    if (counts.sum(axis=0) > 0).sum() < 2:
        return None
    return float(
        krippendorff.alpha(value_counts=counts, value_domain=list(values), level_of_measurement="ordinal")
    )
