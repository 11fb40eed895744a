"""The negative log-likelihood as a function of the inverse temperature, by sums that shards can add.

With β = 1/T, L(β) = mean[LSE(βz) - βz_y] is convex in β (not in T): L' = mean[E_β z - z_y] and
L'' = mean[Var_β z]. Everything temperature scaling needs is the sums of these over rows.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.arrays import FloatArray, IntArray, first_row, label_values, logit_rows, shifted

CHUNK = 1 << 15
"""Logits worked on at once: 256 KiB in float64 stay in the second-level cache of one core."""

BANNED = -1e300
"""Stands for a logit of -∞: its probability is exactly 0, and 0 · BANNED is 0 where 0 · ∞ is not."""


@dataclass(frozen=True)
class TemperatureMoments:
    """Sums over rows at each β of a grid; sums of shards on the same grid add up to the whole.

    Attributes:
        betas: `[G]` inverse temperatures.
        weight: sum of the rows' weights, N without weights.
        nll: `[G]` ΣL in nats.
        gradient: `[G]` ΣL'.
        curvature: `[G]` ΣL'', never negative.
        gradient_squares: `[G]` Σ(L')², for the standard error.
    """

    betas: FloatArray
    weight: float
    nll: FloatArray
    gradient: FloatArray
    curvature: FloatArray
    gradient_squares: FloatArray

    def __add__(self, other: Self) -> "TemperatureMoments":
        """Sums over the rows of both.

        Raises:
            ValueError: the grids differ.
        """
        if not np.array_equal(self.betas, other.betas):
            raise ValueError(f"betas: given {self.betas} and {other.betas}; expected one grid for all shards")
        return TemperatureMoments(
            betas=self.betas,
            weight=self.weight + other.weight,
            nll=self.nll + other.nll,
            gradient=self.gradient + other.gradient,
            curvature=self.curvature + other.curvature,
            gradient_squares=self.gradient_squares + other.gradient_squares,
        )


def temperature_moments(
    logits: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    betas: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> TemperatureMoments:
    """Sums of L, L' and L'' over rows at inverse temperatures `betas`, in float64 from any float dtype.

    Works through the rows in chunks, so memory stays near that of the logits themselves.

    Args:
        logits: `[N, C]`, before any temperature; -∞ is legal except on the label.
        labels: `[N]`.
        betas: `[G]`, positive.
        weights: `[N]`, not negative; a whole number counts as that many equal rows.

    Raises:
        ValueError: wrong shapes, NaN or +∞, -∞ on a label, or a label out of range, naming the row.
    """
    array = logit_rows(logits)
    targets = label_values(labels, n_classes=array.shape[1], rows=len(array))
    grid = np.atleast_1d(np.asarray(betas, dtype=np.float64))
    weighting = row_weights(weights, len(array))
    sums = np.zeros((4, len(grid)))
    step = max(1, CHUNK // array.shape[1])
    for start in range(0, len(array), step):
        rows = slice(start, start + step)
        z, own = centred(array[rows], targets[rows], first=start)
        for g, beta in enumerate(grid):
            sums[:, g] += _row_moments(z, own, beta) @ weighting[rows]
    return TemperatureMoments(grid, float(weighting.sum()), *sums)


def row_weights(weights: npt.ArrayLike | None, rows: int) -> FloatArray:
    """Weights `[N]`, ones where none are given.

    Raises:
        ValueError: wrong shape, a weight that is negative or not finite, or none above 0.
    """
    if weights is None:
        return np.ones(rows)
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (rows,):
        raise ValueError(f"weights: given shape {list(array.shape)}; expected [{rows}]")
    bad = ~((array >= 0.0) & np.isfinite(array))
    if bad.any():
        row = first_row(bad)
        raise ValueError(f"weights: row {row} is {array[row]}; expected a finite number of at least 0")
    if not array.any():
        raise ValueError("weights: all are 0; expected at least one row that counts")
    return array


def centred(logits: npt.NDArray[Any], labels: IntArray, *, first: int) -> tuple[FloatArray, FloatArray]:
    """Float64 logits `[n, C]` with the row maximum removed and -∞ replaced, and those of the labels `[n]`.

    Raises:
        ValueError: NaN or +∞ in a row, or -∞ on its label, naming the row counted from `first`.
    """
    z = shifted(logits, first=first)
    own = z[np.arange(len(z)), labels]
    if not np.isfinite(own).all():
        row = first_row(~np.isfinite(own))
        raise ValueError(f"logits: row {first + row} is -inf on its label {labels[row]}; the likelihood is 0")
    return np.maximum(z, BANNED, out=z), own


def _row_moments(z: FloatArray, own: FloatArray, beta: float) -> FloatArray:
    """L, L', L'' and L'² `[4, n]` of each row at β."""
    e = np.exp(beta * z)
    total = e.sum(axis=1)
    e *= z
    mean = e.sum(axis=1) / total
    square = np.einsum("ij,ij->i", e, z) / total
    gradient = mean - own
    # A variance by difference can fall below zero by rounding alone.
    curvature = np.maximum(square - mean * mean, 0.0)
    return np.stack([np.log(total) - beta * own, gradient, curvature, gradient * gradient])
