"""Smooth calibration error: no bins, consistent, and unbiased at the borders."""

import numpy as np
import numpy.typing as npt
from scipy.fft import dct, idct
from scipy.optimize import brentq

from teacherspec.metrics.scores.validation import FloatArray, confidence_values, truth_values

CELLS = 1 << 14
"""Cells of the grid on [0, 1]. The error is of second order in the cell width: below 1e-6 in smECE."""


def smooth_ece(confidences: npt.ArrayLike, correct: npt.ArrayLike) -> float:
    """Smooth ECE (Błasiok & Nakkiran 2023): the width s at which smECE_s equals s.

    smECE_s = ∫₀¹ |(1/N) Σ_i (a_i - c_i) K_s(t, c_i)| dt, with K_s a Gaussian of width s reflected at 0
    and 1 so that it keeps its mass. Reflection makes the cosine series its eigenbasis: one discrete cosine
    transform of the residuals serves every s, with all reflections exact. If all residuals share a sign,
    the value is |mean(a - c)|.

    Args:
        confidences: `[N]`, probability of the predicted label, in [0, 1].
        correct: `[N]`, whether the predicted label is right, 0 or 1.

    Raises:
        ValueError: no rows, wrong shapes, or values out of range, naming the row.
    """
    values = confidence_values(confidences)
    truth = truth_values(correct, rows=len(values))
    residuals = truth - values
    gap = np.searchsorted(cell_centres(), values, side="left")
    first, second = (
        np.bincount(gap, weights=w, minlength=CELLS + 1) for w in (residuals, residuals * values)
    )
    return smooth_ece_of(first.astype(np.float64), second.astype(np.float64), len(values))


def cell_centres() -> FloatArray:
    """Centres `[CELLS]` of the cells; gap j lies between the centres j - 1 and j, or beyond the outermost."""
    return (np.arange(CELLS) + 0.5) / CELLS


def smooth_ece_of(residuals: FloatArray, moments: FloatArray, rows: int) -> float:
    """Smooth ECE from sums over the gaps between cell centres.

    Args:
        residuals: `[CELLS + 1]` Σ (a - c).
        moments: `[CELLS + 1]` Σ (a - c) c.
        rows: N.
    """
    # Each residual is shared linearly between the two nearest centres. Outside the outermost centres
    # lies half a cell, and what would go beyond the border is reflected back into that cell.
    upper = moments * CELLS - residuals * (np.arange(CELLS + 1) - 0.5)
    mass = np.zeros(CELLS)
    mass += upper[:-1]
    mass += (residuals - upper)[1:]
    mass[0] += (residuals - upper)[0]
    mass[-1] += upper[-1]
    spectrum = dct(mass * (CELLS / rows), type=2, norm="ortho")
    frequency = np.pi * np.arange(CELLS)

    def excess(width: float) -> float:
        damped = spectrum * np.exp(-0.5 * (frequency * width) ** 2)
        return float(np.abs(idct(damped, type=2, norm="ortho")).mean()) - width

    # smECE_s falls as s grows and is at most 1 (up to rounding), so it crosses s once below 2.
    return float(brentq(excess, 0.0, 2.0, xtol=1e-12))
