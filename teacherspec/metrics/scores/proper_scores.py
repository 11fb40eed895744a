"""Proper scores: the negative log-likelihood and the Brier score, which no miscalibration can improve.

Each has a row-wise form `[N]`, which intervals and paired comparisons resample, and its mean.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import (
    FloatArray,
    first_row,
    label_values,
    logit_rows,
    probability_rows,
    shifted,
)


@dataclass(frozen=True)
class BrierParts:
    """Brier score = reliability - resolution + uncertainty.

    Attributes:
        reliability: cost of miscalibration (0 is perfect).
        resolution: gain from separating examples (larger is better).
        uncertainty: score of always forecasting the class frequencies.
    """

    reliability: float
    resolution: float
    uncertainty: float


def nll_per_row(logits: npt.ArrayLike, labels: npt.ArrayLike) -> FloatArray:
    """Negative log-likelihood `[N]` in nats of labels `[N]` under logits `[N, C]`.

    Raises:
        ValueError: wrong shapes, labels outside 0..C - 1, NaN or +∞, or -∞ on the label, naming the row.
    """
    array = logit_rows(logits)
    targets = label_values(labels, n_classes=array.shape[1], rows=len(array))
    z = shifted(array)
    own = z[np.arange(len(z)), targets]
    if not np.isfinite(own).all():
        row = first_row(~np.isfinite(own))
        raise ValueError(f"logits: row {row} is -inf on its label {targets[row]}; the likelihood is 0")
    total: FloatArray = np.log(np.exp(z).sum(axis=1))
    return total - own


def nll(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean negative log-likelihood in nats: mean[LSE(z) - z_y] over logits `[N, C]`, labels `[N]`.

    Raises:
        ValueError: as `nll_per_row`.
    """
    return float(nll_per_row(logits, labels).mean())


def cross_entropy(logits: npt.ArrayLike, probs: FloatArray) -> FloatArray:
    """Cross-entropy `[N]` in nats of distributions `[N, C]` under logits `[N, C]`: -Σ_k p_k log q_k.

    Raises:
        ValueError: wrong shapes, or NaN or +∞ among the logits, naming the row.
    """
    z = shifted(logit_rows(logits))
    total: FloatArray = np.log(np.exp(z).sum(axis=1))
    own: FloatArray = np.einsum("ij,ij->i", probs, z)
    return total - own


def brier_to_probs(predicted: FloatArray, probs: FloatArray) -> FloatArray:
    """Squared distance `[N]` of predicted distributions `[N, C]` to others: Σ_k (q_k - p_k)², in [0, 2]."""
    distance = predicted - probs
    squares: FloatArray = np.einsum("ij,ij->i", distance, distance)
    return squares


def brier_per_row(probs: npt.ArrayLike, labels: npt.ArrayLike) -> FloatArray:
    """Brier score `[N]` of each row: Σ_k (p_k - 1[y = k])², in [0, 2] (Brier 1950).

    Args:
        probs: `[N, C]`.
        labels: `[N]`.

    Raises:
        ValueError: wrong shapes, rows that are no distributions, or labels outside 0..C - 1.
    """
    p = probability_rows(probs)
    targets = label_values(labels, n_classes=p.shape[1], rows=len(p))
    own = p[np.arange(len(p)), targets]
    # Σ p² - 2 p_y + 1, regrouped so that p_y near 1 loses no digits.
    squares: FloatArray = np.einsum("ij,ij->i", p, p) - own * own
    return squares + (1.0 - own) ** 2


def brier(probs: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean Brier score, summed over classes, in [0, 2]. Arguments and errors as `brier_per_row`."""
    return float(brier_per_row(probs, labels).mean())


def brier_parts(probs: npt.ArrayLike, labels: npt.ArrayLike) -> BrierParts:
    """CORP decomposition of the Brier score, exact and without bins (Dimitriadis, Gneiting & Jordan 2021).

    Each class is recalibrated one-vs-rest by isotonic regression; the parts are summed over classes, so
    that reliability - resolution + uncertainty equals `brier(probs, labels)`.

    Args:
        probs: `[N, C]`.
        labels: `[N]`.

    Raises:
        ValueError: as `brier_per_row`.
    """
    from scipy.optimize import isotonic_regression

    p = probability_rows(probs)
    targets = label_values(labels, n_classes=p.shape[1], rows=len(p))
    reliability = resolution = uncertainty = 0.0
    for k in range(p.shape[1]):
        forecast, event = p[:, k], (targets == k).astype(np.float64)
        levels, group, size = np.unique(forecast, return_inverse=True, return_counts=True)
        frequency = np.bincount(group, weights=event) / size
        recalibrated = isotonic_regression(frequency, weights=size).x[group]
        base = ((event - event.mean()) ** 2).mean()
        score = ((levels[group] - event) ** 2).mean()
        best = ((recalibrated - event) ** 2).mean()
        reliability += float(score - best)
        resolution += float(base - best)
        uncertainty += float(base)
    return BrierParts(reliability, resolution, uncertainty)
