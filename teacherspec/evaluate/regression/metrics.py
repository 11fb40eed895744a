"""Quality of scores with intervals, and the gain over the untrained base on the same rows."""

from dataclasses import asdict
from typing import Any

import numpy as np

from teacherspec.metrics.scores.intervals import bootstrap, interval_of
from teacherspec.metrics.scores.regression import METRICS, metric_values
from teacherspec.metrics.scores.validation import FloatArray

GAINS = {"mse": -1.0, "rmse": -1.0, "mae": -1.0, "pearson": 1.0, "spearman": 1.0}
"""Metric → 1 where a larger value is better, else -1; gains are positive where the teacher is better."""


def score_quality(
    scores: FloatArray, labels: FloatArray, *, confidence: float, resamples: int, seed: int
) -> dict[str, Any]:
    """Each metric of scores `[N]` and labels `[N]` with the interval of resampled rows, and `rows`."""
    draws = bootstrap(
        lambda chosen: metric_values(scores[chosen], labels[chosen]),
        len(labels),
        n_resamples=resamples,
        seed=seed,
    )
    intervals = {
        name: asdict(interval_of(float(draws.observed[at]), draws.resampled[:, at], confidence=confidence))
        for at, name in enumerate(METRICS)
    }
    return {"rows": len(labels), **intervals}


def score_gain(
    scores: FloatArray, base: FloatArray, labels: FloatArray, *, confidence: float, resamples: int, seed: int
) -> dict[str, Any]:
    """The gain of each metric over the scores of the base `[N]`, on the same resamples of rows."""
    signs = np.array([GAINS[name] for name in METRICS])

    def difference(chosen: Any) -> FloatArray:
        own, other = (metric_values(one[chosen], labels[chosen]) for one in (scores, base))
        found: FloatArray = signs * (own - other)
        return found

    draws = bootstrap(difference, len(labels), n_resamples=resamples, seed=seed)
    return {
        name: asdict(interval_of(float(draws.observed[at]), draws.resampled[:, at], confidence=confidence))
        for at, name in enumerate(METRICS)
    }
