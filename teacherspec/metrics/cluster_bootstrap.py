"""Measures of clustered observations, tokens of a prompt or candidate sets of an image, by resampling."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.binning import bin_index
from teacherspec.metrics.calibration import ECE_BINNINGS, top_label_confidence
from teacherspec.metrics.scores.proper_scores import nll_per_row
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.metrics.scores.validation import FloatArray, IntArray


@dataclass(frozen=True)
class ClusteredScores:
    """The measures of each of T observations at one temperature.

    Attributes:
        cluster: `[T]` number from 0 on: observations of one cluster may depend on each other.
        nll: `[T]` nats.
        confidences: `[T]`, probability of the most likely label.
        correct: `[T]`, whether that is the label.
    """

    cluster: IntArray
    nll: FloatArray
    confidences: FloatArray
    correct: IntArray


def score_clusters(cluster: IntArray, logits: npt.ArrayLike, labels: IntArray) -> ClusteredScores:
    """The measures of observations that are choices among classes.

    Args:
        cluster: `[T]` that each observation belongs to, from 0 on.
        logits: `[T, C]`, at the temperature to measure.
        labels: `[T]`.
    """
    log_probs = log_softmax(logits)
    confidences, correct = top_label_confidence(np.exp(log_probs), labels)
    return ClusteredScores(cluster, nll_per_row(log_probs, labels), confidences, correct.astype(np.int64))


class ClusteredStatistic:
    """The resampled measures of one set of observations, from indices of clusters to the numbers of `NAMES`.

    Resampling whole clusters keeps the dependence within them (Davison & Hinkley 1997, ch. 3.8).
    """

    MEANS = ("nll", "signed", "accuracy")
    NAMES = (*MEANS, *ECE_BINNINGS)

    def __init__(self, scored: ClusteredScores, clusters: int, n_bins: int) -> None:
        """Add up what resamples add up, once.

        Args:
            scored: T observations.
            clusters: number of clusters.
            n_bins: of the binned errors.
        """
        excess = scored.confidences - scored.correct
        columns = [
            np.bincount(scored.cluster, weights=values, minlength=clusters)
            for values in (np.ones(len(scored.cluster)), scored.nll, excess, scored.correct)
        ]
        self.sums = np.stack(columns, axis=1)  # [N, 1 + 3]
        self.bins = [
            _by_cluster_and_bin(
                scored.cluster,
                bin_index(scored.confidences, n_bins=n_bins, binning=binning),
                excess,
                clusters,
            )
            for binning in ECE_BINNINGS.values()
        ]

    def __call__(self, chosen: IntArray) -> FloatArray:
        """The numbers of some clusters, with repetitions; every observation weighs the same."""
        sums = self.sums[chosen].sum(axis=0)
        errors = [np.abs(table[chosen].sum(axis=0)).sum() / sums[0] for table in self.bins]
        return np.concatenate([sums[1:] / sums[0], errors])


def _by_cluster_and_bin(cluster: IntArray, index: IntArray, excess: FloatArray, clusters: int) -> FloatArray:
    """Sums of excess confidence `[N, M]` by cluster and bin."""
    table = np.zeros((clusters, int(index.max()) + 1))
    np.add.at(table, (cluster, index), excess)
    return table
