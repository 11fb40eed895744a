"""Calibration of the probabilities of single labels: classwise ECE, its noise, decisions on labels."""

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.binning import bin_index
from teacherspec.metrics.calibration import ece_noise_floor
from teacherspec.metrics.cluster_bootstrap import ClusteredScores
from teacherspec.metrics.scores.multi_label import decision_nll, sigmoid
from teacherspec.metrics.scores.validation import FloatArray, IntArray


def label_decisions(logits: FloatArray, labels: npt.NDArray[np.bool_]) -> ClusteredScores:
    """Every decision on a label as an observation of its row, with the probability of the likelier answer.

    Args:
        logits: `[N, C]`, calibrated or not.
        labels: `[N, C]`.
    """
    rows, classes = logits.shape
    confidences = sigmoid(np.abs(logits))
    return ClusteredScores(
        cluster=np.repeat(np.arange(rows), classes),
        nll=decision_nll(logits, labels).reshape(-1),
        confidences=confidences.reshape(-1),
        correct=((logits >= 0) == labels).astype(np.int64).reshape(-1),
    )


class LabelErrors:
    """The ECE of each label's probability against whether rows have it, on any resample of the rows.

    The mean over labels is the classwise ECE (Kull et al. 2019 publish the sum).
    """

    def __init__(self, probs: FloatArray, labels: npt.NDArray[np.bool_], n_bins: int) -> None:
        """For probabilities and labels `[N, C]`, in bins of equal width."""
        self.classes = probs.shape[1]
        self.n_bins = n_bins
        index = bin_index(np.clip(probs, 0.0, 1.0).reshape(-1), n_bins=n_bins).reshape(probs.shape)
        self.place = index + n_bins * np.arange(self.classes)  # [N, C] of the bins of all labels
        self.probs = probs
        self.excess = probs - labels

    def __call__(self, chosen: IntArray) -> FloatArray:
        """The ECE `[C]` of each label on rows `[R]`."""
        return self._of(self.place[chosen], self.excess[chosen])

    def _of(self, place: IntArray, excess: FloatArray) -> FloatArray:
        size = self.classes * self.n_bins
        sums = np.bincount(place.reshape(-1), weights=excess.reshape(-1), minlength=size)
        errors: FloatArray = np.abs(sums).reshape(self.classes, self.n_bins).sum(axis=1) / len(place)
        return errors

    def floors(self) -> FloatArray:
        """Expected ECE `[C]` of each label if the probabilities were right."""
        return np.array([ece_noise_floor(self.probs[:, k], n_bins=self.n_bins) for k in range(self.classes)])

    def noise(self, *, quantile: float, n_draws: int, seed: int) -> float:
        """Quantile of the mean over labels if the probabilities were right, by drawing labels from them."""
        generator = np.random.default_rng(seed)
        drawn = [
            self._of(self.place, self.probs - (generator.random(self.probs.shape) < self.probs)).mean()
            for _ in range(n_draws)
        ]
        return float(np.quantile(drawn, quantile))
