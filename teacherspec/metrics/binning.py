"""Bins of confidences and the sums inside them, from which every binned calibration error follows.

Bins are right-closed and the first is also closed at 0: a confidence c falls in the smallest m with
c <= m / M. Edges are m / M, compared in float64 (`linspace` misses 3/10 by one unit in the last place).
"""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import FloatArray, IntArray, confidence_values, truth_values

Binning = Literal["equal_width", "equal_mass"]


@dataclass(frozen=True)
class BinSums:
    """Sums over the rows of each bin; sums of shards with the same bins add up.

    Attributes:
        count: `[M]` rows.
        confidence: `[M]` sum of confidences.
        correct: `[M]` number of right predictions.
    """

    count: IntArray
    confidence: FloatArray
    correct: IntArray

    def __add__(self, other: Self) -> "BinSums":
        """Sums over the rows of both."""
        return BinSums(
            self.count + other.count, self.confidence + other.confidence, self.correct + other.correct
        )

    @property
    def rows(self) -> int:
        """N, over all bins."""
        return int(self.count.sum())

    @property
    def excess(self) -> FloatArray:
        """Number of right predictions minus the sum of confidences `[M]`; 0 in an empty bin."""
        return self.correct - self.confidence

    def non_empty(self) -> "BinSums":
        """The bins that hold rows."""
        filled = self.count > 0
        return BinSums(self.count[filled], self.confidence[filled], self.correct[filled])


def upper_edges(confidences: FloatArray, n_bins: int, binning: Binning) -> FloatArray:
    """Upper edges of the bins `[M]`, ascending, the last at least the largest confidence.

    `equal_mass` cuts the sorted confidences at the ranks round(k N / M), moved to the end of their group
    of equal values; cuts that coincide are dropped, so ties are never split and M may shrink.
    """
    if n_bins < 1:
        raise ValueError(f"n_bins: given {n_bins}; expected at least 1")
    if binning == "equal_width":
        return np.arange(1, n_bins + 1) / n_bins
    if binning != "equal_mass":
        raise ValueError(f"binning: given {binning!r}; expected 'equal_width' or 'equal_mass'")
    return equal_mass_edges(np.sort(confidences), n_bins)


def equal_mass_edges(ascending: FloatArray, n_bins: int) -> FloatArray:
    """Upper edges `[M]` of equal-mass bins of confidences `[N]` in ascending order; see `upper_edges`."""
    ranks = np.rint(np.arange(1, n_bins) * len(ascending) / n_bins).astype(np.int64)
    # The value at a cut is the bin's upper edge: right-closed, it includes all equal values.
    return np.unique(np.append(ascending[ranks[ranks > 0] - 1], ascending[-1]))


def bin_index(confidences: npt.ArrayLike, *, n_bins: int = 15, binning: Binning = "equal_width") -> IntArray:
    """Index `[N]`, from 0, of the bin that holds each confidence.

    Args:
        confidences: `[N]`, in [0, 1]; compared in float64 whatever their dtype.
        n_bins: M.
        binning: `equal_width`, or `equal_mass` which never splits ties.

    Raises:
        ValueError: no rows, wrong shape, or a value outside [0, 1], naming the row.
    """
    values = confidence_values(confidences)
    edges = upper_edges(values, n_bins, binning)
    return np.searchsorted(edges, values, side="left").astype(np.int64, copy=False)


def bin_sums(
    confidences: npt.ArrayLike, correct: npt.ArrayLike, *, n_bins: int = 15, binning: Binning = "equal_width"
) -> BinSums:
    """Counts, confidences and hits summed over each bin.

    Args:
        confidences: `[N]`, in [0, 1].
        correct: `[N]`, 0 or 1.
        n_bins: M.
        binning: see `bin_index`.

    Raises:
        ValueError: no rows, wrong shapes, or values out of range, naming the row.
    """
    values = confidence_values(confidences)
    truth = truth_values(correct, rows=len(values))
    edges = upper_edges(values, n_bins, binning)
    return sums_by_index(np.searchsorted(edges, values, side="left"), values, truth, len(edges))


def sums_by_index(
    index: npt.NDArray[np.intp], confidences: FloatArray, correct: npt.NDArray[np.bool_], n_bins: int
) -> BinSums:
    """Sums over rows already sorted into bins: index `[N]`, confidences `[N]`, correct `[N]`."""
    return BinSums(
        count=np.bincount(index, minlength=n_bins).astype(np.int64, copy=False),
        confidence=np.bincount(index, weights=confidences, minlength=n_bins).astype(np.float64, copy=False),
        correct=np.bincount(index[correct], minlength=n_bins).astype(np.int64, copy=False),
    )
