"""Errors and correlations of predicted scores."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import FloatArray

METRICS = ("mse", "rmse", "mae", "pearson", "spearman")
"""Names of the metrics of scores, in the order of `metric_values`."""


def score_metrics(scores: FloatArray, labels: FloatArray) -> dict[str, float]:
    """Mean squared error, its root, mean absolute error, and both correlations, of `[N]` and `[N]`.

    Correlations with something constant, which are not defined, are 0: nothing goes together with it.
    """
    return dict(zip(METRICS, metric_values(scores, labels).tolist(), strict=True))


def metric_values(scores: FloatArray, labels: FloatArray) -> FloatArray:
    """The metrics in the order of `METRICS`, `[5]`."""
    errors = scores - labels
    mse = float((errors**2).mean())
    correlations = (pearson(scores, labels), pearson(_ranks(scores), _ranks(labels)))
    return np.array([mse, mse**0.5, float(np.abs(errors).mean()), *correlations])


def pearson(first: FloatArray, second: FloatArray) -> float:
    """Pearson's correlation of `[N]` and `[N]`; 0 where one of them is constant."""
    centred = first - first.mean(), second - second.mean()
    norms = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return 0.0 if norms == 0 else float(np.clip((centred[0] * centred[1]).sum() / norms, -1.0, 1.0))


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks `[N]`, ties their mean."""
    from scipy.stats import rankdata

    ranks: FloatArray = rankdata(values)
    return ranks


class Coverage(NamedTuple):
    """How many scores lie within an interval.

    Attributes:
        hits: `[N]`, whether each does.
        noise: half the width of what a perfect interval shows on as many rows in 95 of 100 draws.
    """

    hits: npt.NDArray[np.bool_]
    noise: float

    @property
    def share(self) -> float:
        """The share of them."""
        return float(self.hits.mean())


def coverage(scores: FloatArray, labels: FloatArray, radius: float, level: float) -> Coverage:
    """Which labels `[N]` lie within `radius` of the scores `[N]`, where a share of `level` should.

    The noise is the binomial one of the rows: 1.96 standard deviations.
    """
    noise = 1.959964 * (level * (1 - level) / len(labels)) ** 0.5
    return Coverage(np.abs(scores - labels) <= radius, noise)
