"""The mean of paired differences that were measured by several seeds on the same rows, with its interval."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from teacherspec.metrics.scores.intervals import Interval

LARGEST_DEGREES = 1e9
"""Degrees of freedom beyond which Student's t is the normal distribution in every digit."""


@dataclass(frozen=True)
class CrossedMean:
    """A mean over seeds and rows.

    Attributes:
        interval: the mean with its interval.
        p_value: two-sided, of a mean of zero; 1 where every difference is zero.
    """

    interval: Interval
    p_value: float


def crossed_mean(differences: npt.ArrayLike, *, confidence: float = 0.95) -> CrossedMean:
    """Mean of differences `[S, N]` where both seeds and rows are samples and every seed scores every row.

    Two-way random effects, as for several readers of the same cases (Dorfman, Berbaum & Metz 1992), with
    degrees of freedom by Hillis (2007, doi 10.1002/sim.2532): the t interval over the seeds where only these
    differ, the normal interval over the rows where only those do.

    Args:
        differences: `[S, N]`, seed by row.
        confidence: level of the interval.

    Raises:
        ValueError: fewer than two seeds or rows, or a value that is not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValueError(f"differences: given shape {list(values.shape)}; expected [S, N], both at least 2")
    if not np.isfinite(values).all():
        raise ValueError("differences: not finite")
    seeds, rows = values.shape
    mean = float(values.mean())
    of_seed, of_row = values.mean(axis=1), values.mean(axis=0)
    between_seeds = rows * float(((of_seed - mean) ** 2).sum()) / (seeds - 1)
    between_rows = seeds * float(((of_row - mean) ** 2).sum()) / (rows - 1)
    rest = values - of_seed[:, None] - of_row[None, :] + mean
    interaction = float((rest**2).sum()) / ((seeds - 1) * (rows - 1))
    spread = between_seeds + max(between_rows - interaction, 0.0)
    error = math.sqrt(spread / (seeds * rows))
    if error == 0.0:
        return CrossedMean(Interval(mean, mean, mean), 0.0 if mean else 1.0)
    share = between_seeds / spread
    degrees = min((seeds - 1) / share**2 if share else LARGEST_DEGREES, LARGEST_DEGREES)
    half = float(stdtrit(degrees, 0.5 + confidence / 2)) * error
    p_value = 2.0 * float(stdtr(degrees, -abs(mean) / error))
    return CrossedMean(Interval(mean, mean - half, mean + half), p_value)
