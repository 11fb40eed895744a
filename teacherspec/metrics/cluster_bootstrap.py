"""Measures of clustered observations, tokens of a row or candidate sets of an image, by resampling rows."""

from dataclasses import dataclass

import numpy as np

from teacherspec.metrics.binning import bin_index
from teacherspec.metrics.calibration import ECE_BINNINGS
from teacherspec.metrics.scores.validation import FloatArray, IntArray


@dataclass(frozen=True)
class ClusteredScores:
    """The measures of each of T observations at one temperature.

    Attributes:
        row: `[T]` row, from 0 on, that each observation belongs to.
        nll: `[T]` nats.
        confidences: `[T]`, probability of the most likely label.
        correct: `[T]`, whether that is the label.
    """

    row: IntArray
    nll: FloatArray
    confidences: FloatArray
    correct: IntArray


class ClusteredStatistic:
    """The resampled measures of one set of observations, from indices of rows to the numbers of `NAMES`.

    Resampling whole rows keeps the dependence of observations within a row (Davison & Hinkley 1997, ch. 3.8).
    """

    MEANS = ("nll", "signed", "accuracy")
    NAMES = (*MEANS, *ECE_BINNINGS)

    def __init__(self, scored: ClusteredScores, rows: int, n_bins: int) -> None:
        """Add up what resamples add up, once.

        Args:
            scored: T observations.
            rows: number of rows.
            n_bins: of the binned errors.
        """
        excess = scored.confidences - scored.correct
        columns = [
            np.bincount(scored.row, weights=values, minlength=rows)
            for values in (np.ones(len(scored.row)), scored.nll, excess, scored.correct)
        ]
        self.sums = np.stack(columns, axis=1)  # [N, 1 + 3]
        self.bins = [
            _by_row_and_bin(
                scored.row, bin_index(scored.confidences, n_bins=n_bins, binning=binning), excess, rows
            )
            for binning in ECE_BINNINGS.values()
        ]

    def __call__(self, chosen: IntArray) -> FloatArray:
        """The numbers of some rows, with repetitions; every observation weighs the same."""
        sums = self.sums[chosen].sum(axis=0)
        errors = [np.abs(table[chosen].sum(axis=0)).sum() / sums[0] for table in self.bins]
        return np.concatenate([sums[1:] / sums[0], errors])


def _by_row_and_bin(row: IntArray, index: IntArray, excess: FloatArray, rows: int) -> FloatArray:
    """Sums of excess confidence `[N, M]` by row and bin."""
    table = np.zeros((rows, int(index.max()) + 1))
    np.add.at(table, (row, index), excess)
    return table
