"""Calibration errors of top-label confidences, and the noise floor below which they are no evidence.

Formulas and estimator names: Naeini et al. 2015 and Guo et al. 2017 (ECE, MCE), Nixon et al. 2019 and
Kull et al. 2019 (classwise), Kumar, Liang & Ma 2019 (debiased). "ACE" is avoided: it names three
different estimators in the literature.
"""

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.binning import Binning, BinSums, bin_index, bin_sums, upper_edges
from teacherspec.metrics.scores.validation import (
    FloatArray,
    confidence_values,
    label_values,
    probability_rows,
    truth_values,
)

ECE_BINNINGS: dict[str, Binning] = {"ece": "equal_width", "ece_equal_mass": "equal_mass"}
"""Name of a reported ECE → its bins."""


def ece_of(sums: BinSums) -> float:
    """Expected calibration error of bins: Σ_m |hits_m - Σ confidence_m| / N."""
    return float(np.abs(sums.excess).sum() / sums.rows)


def rmsce_of(sums: BinSums) -> float:
    """Root of the row-weighted mean squared gap of bins."""
    filled = sums.non_empty()
    return float(np.sqrt((filled.excess**2 / filled.count).sum() / filled.rows))


def mce_of(sums: BinSums) -> float:
    """Largest gap of a non-empty bin."""
    filled = sums.non_empty()
    return float(np.abs(filled.excess / filled.count).max())


def debiased_squared_of(sums: BinSums) -> float:
    """Squared error of bins with the sampling variance of each accuracy taken off; may be negative."""
    count, hits = sums.count[sums.count >= 2], sums.correct[sums.count >= 2]
    rate = hits / count
    gap = sums.excess[sums.count >= 2] / count
    return float((count * (gap**2 - rate * (1 - rate) / (count - 1))).sum() / sums.rows)


def expected_calibration_error(
    confidences: npt.ArrayLike, correct: npt.ArrayLike, *, n_bins: int = 15, binning: Binning = "equal_width"
) -> float:
    """Expected calibration error (ECE): mean gap between confidence and accuracy over bins, weighted by rows.

    State it with `ece_noise_floor`, N and M: it is never 0 on finite data.

    Args:
        confidences: `[N]`, probability of the predicted label, in [0, 1].
        correct: `[N]`, whether the predicted label is right, 0 or 1.
        n_bins: M.
        binning: `equal_width` (Guo et al. 2017), or `equal_mass`, which never splits ties.

    Raises:
        ValueError: no rows, wrong shapes, or values out of range, naming the row.
    """
    return ece_of(bin_sums(confidences, correct, n_bins=n_bins, binning=binning))


def weighted_ece(
    confidences: FloatArray, correct: FloatArray, weights: FloatArray, *, n_bins: int = 15
) -> float:
    """Expected calibration error in bins of equal width: Σ_m |Σ w (correct - confidence)| / Σ w.

    Args:
        confidences: `[N]`, probability of the predicted label, in [0, 1].
        correct: `[N]`, 0 or 1, or the probability of being right.
        weights: `[N]`, at least 0, not all 0.
        n_bins: M.
    """
    excess = weights * (correct - confidences)
    gaps = np.bincount(bin_index(confidences, n_bins=n_bins), excess, minlength=n_bins)
    return float(np.abs(gaps).sum() / weights.sum())


def root_mean_squared_calibration_error(
    confidences: npt.ArrayLike, correct: npt.ArrayLike, *, n_bins: int = 15, binning: Binning = "equal_width"
) -> float:
    """Root of the row-weighted mean squared gap of the bins. Arguments as `expected_calibration_error`."""
    return rmsce_of(bin_sums(confidences, correct, n_bins=n_bins, binning=binning))


def maximum_calibration_error(
    confidences: npt.ArrayLike, correct: npt.ArrayLike, *, n_bins: int = 15, binning: Binning = "equal_width"
) -> float:
    """Largest gap of a non-empty bin (MCE). Arguments and errors as `expected_calibration_error`."""
    return mce_of(bin_sums(confidences, correct, n_bins=n_bins, binning=binning))


def signed_calibration_error(confidences: npt.ArrayLike, correct: npt.ArrayLike) -> float:
    """Mean confidence minus accuracy: positive when overconfident. No bins are involved.

    Args:
        confidences: `[N]`, in [0, 1].
        correct: `[N]`, 0 or 1.

    Raises:
        ValueError: no rows, wrong shapes, or values out of range, naming the row.
    """
    values = confidence_values(confidences)
    return float(values.mean() - truth_values(correct, rows=len(values)).mean())


def debiased_squared_calibration_error(
    confidences: npt.ArrayLike, correct: npt.ArrayLike, *, n_bins: int = 15, binning: Binning = "equal_width"
) -> float:
    """Debiased squared calibration error (Kumar et al. 2019), about 0 and of either sign when calibrated.

    Σ_m n_m/N [gap_m² - acc_m (1 - acc_m) / (n_m - 1)] over bins with at least two rows. Arguments and
    errors as `expected_calibration_error`.
    """
    return debiased_squared_of(bin_sums(confidences, correct, n_bins=n_bins, binning=binning))


def classwise_calibration_error(
    probs: npt.ArrayLike, labels: npt.ArrayLike, *, n_bins: int = 15, binning: Binning = "equal_width"
) -> float:
    """Mean over all K classes of the ECE of p_k against y = k (Kull et al. 2019 publish the sum).

    Args:
        probs: `[N, C]`.
        labels: `[N]`; classes that never occur count too.
        n_bins: M.
        binning: see `expected_calibration_error`.

    Raises:
        ValueError: wrong shapes, rows that are no distributions, or labels outside 0..C - 1.
    """
    p = probability_rows(probs)
    targets = label_values(labels, n_classes=p.shape[1], rows=len(p))
    errors = [
        expected_calibration_error(p[:, k], targets == k, n_bins=n_bins, binning=binning)
        for k in range(p.shape[1])
    ]
    return float(np.mean(errors))


def calibration_error_by_class(
    probs: npt.ArrayLike, labels: npt.ArrayLike, *, n_bins: int = 15, binning: Binning = "equal_width"
) -> tuple[float | None, ...]:
    """Top-label ECE of the rows predicted as each class, C entries; None for a class never predicted.

    Arguments and errors as `classwise_calibration_error`.
    """
    p = probability_rows(probs)
    confidences, correct = top_label_confidence(p, labels)
    predicted = p.argmax(axis=1)
    return tuple(
        expected_calibration_error(confidences[rows], correct[rows], n_bins=n_bins, binning=binning)
        if (rows := predicted == k).any()
        else None
        for k in range(p.shape[1])
    )


def top_label_confidence(
    probs: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Confidence `[N]` of the predicted label and whether it is right `[N]`; the lowest index wins ties.

    Args:
        probs: `[N, C]`.
        labels: `[N]`.

    Raises:
        ValueError: wrong shapes, rows that are no distributions, or labels outside 0..C - 1.
    """
    p = probability_rows(probs)
    targets = label_values(labels, n_classes=p.shape[1], rows=len(p))
    predicted = p.argmax(axis=1)
    return p[np.arange(len(p)), predicted], predicted == targets


def ece_noise_floor(
    confidences: npt.ArrayLike, *, n_bins: int = 15, binning: Binning = "equal_width"
) -> float:
    """Expected ECE of a perfectly calibrated model with these confidences: (1/N) Σ_m sqrt(2 v_m / π).

    v_m = Σ c (1 - c) over the bin is the variance of its number of hits; the absolute value of a normal
    variable of that variance has mean sqrt(2 v_m / π). Falls as N^-1/2.

    Args:
        confidences: `[N]`, in [0, 1].
        n_bins: M.
        binning: see `expected_calibration_error`.

    Raises:
        ValueError: no rows, wrong shape, or a value outside [0, 1], naming the row.
    """
    values = confidence_values(confidences)
    edges = upper_edges(values, n_bins, binning)
    variance = np.bincount(np.searchsorted(edges, values, side="left"), weights=values * (1.0 - values))
    return float(np.sqrt(2.0 * variance / np.pi).sum() / len(values))


def ece_noise_quantile(
    confidences: npt.ArrayLike,
    *,
    n_bins: int = 15,
    binning: Binning = "equal_width",
    quantile: float = 0.95,
    n_draws: int = 200,
    seed: int = 0,
) -> float:
    """Quantile of the ECE of a perfectly calibrated model with these confidences, by drawing its hits.

    An ECE above the 0.95 point is evidence of miscalibration; one below it is not evidence of anything.

    Args:
        confidences: `[N]`, in [0, 1].
        n_bins: M.
        binning: see `expected_calibration_error`.
        quantile: which point of the distribution, in (0, 1).
        n_draws: how often hits ~ Bernoulli(confidence) are drawn.
        seed: of the draws.

    Raises:
        ValueError: as `ece_noise_floor`, or a quantile outside (0, 1), or no draws.
    """
    if not 0.0 < quantile < 1.0 or n_draws < 1:
        raise ValueError(
            f"quantile, n_draws: given {quantile}, {n_draws}; expected one in (0, 1), and at least 1 draw"
        )
    values = confidence_values(confidences)
    edges = upper_edges(values, n_bins, binning)
    # Rows grouped by bin make each draw one comparison and one segmented sum.
    ordered = values[np.argsort(np.searchsorted(edges, values, side="left"), kind="stable")]
    starts = np.flatnonzero(np.diff(np.searchsorted(edges, ordered, side="left"), prepend=-1))
    expected = np.add.reduceat(ordered, starts)
    generator = np.random.default_rng(seed)
    draws = np.empty(n_draws)
    for draw in range(n_draws):
        hits = np.add.reduceat(generator.random(len(ordered)) < ordered, starts, dtype=np.int64)
        draws[draw] = np.abs(hits - expected).sum() / len(ordered)
    return float(np.quantile(draws, quantile))
