"""The numbers of a reliability diagram."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from teacherspec.metrics.binning import Binning, bin_index, upper_edges
from teacherspec.metrics.scores.intervals import Interval, wilson_interval
from teacherspec.metrics.scores.validation import confidence_values, truth_values


@dataclass(frozen=True)
class ReliabilityBin:
    """One non-empty bin of confidences.

    Attributes:
        lower: edge, not included but in the first bin.
        upper: edge, included.
        count: rows.
        confidence: mean confidence.
        accuracy: share of right predictions, with Wilson interval.
        band_low: lower end of where the accuracy of a perfectly calibrated model falls.
        band_high: upper end of the same.
    """

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: Interval
    band_low: float
    band_high: float


def reliability_bins(
    confidences: npt.ArrayLike,
    correct: npt.ArrayLike,
    *,
    n_bins: int = 15,
    binning: Binning = "equal_width",
    confidence: float = 0.95,
) -> tuple[ReliabilityBin, ...]:
    """Accuracy against confidence in each non-empty bin (DeGroot & Fienberg 1983).

    The noise band is the normal approximation of the number of hits, a sum of Bernoulli(c_i).

    Args:
        confidences: `[N]`, in [0, 1].
        correct: `[N]`, 0 or 1.
        n_bins: M.
        binning: see `binning.bin_index`.
        confidence: level of the intervals and of the noise band.

    Raises:
        ValueError: no rows, wrong shapes, or values out of range, naming the row.
    """
    values = confidence_values(confidences)
    truth = truth_values(correct, rows=len(values))
    index = bin_index(values, n_bins=n_bins, binning=binning)
    edges = np.concatenate([[0.0], upper_edges(values, n_bins, binning)])
    z = float(ndtri(0.5 + confidence / 2))
    bins = []
    for m in np.unique(index):
        inside = values[index == m]
        hits, count, mean = int(truth[index == m].sum()), len(inside), float(inside.mean())
        half = z * float(np.sqrt((inside * (1.0 - inside)).sum())) / count
        bins.append(
            ReliabilityBin(
                lower=float(edges[m]),
                upper=float(edges[m + 1]),
                count=count,
                confidence=mean,
                accuracy=wilson_interval(hits, count, confidence=confidence),
                band_low=max(0.0, mean - half),
                band_high=min(1.0, mean + half),
            )
        )
    return tuple(bins)
