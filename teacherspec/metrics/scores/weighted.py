"""Metrics in which a row counts as much as it weighs, as with `sample_weight` of scikit-learn.

Own code, because a bootstrap resamples them: see `scores.classification`.
"""

import numpy as np

from teacherspec.metrics.scores.validation import FloatArray, IntArray


def weighted_mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Mean `[...]` of values `[N, ...]` under weights `[N]`, which do not sum to 0."""
    mean: FloatArray = np.tensordot(weights, values, axes=(0, 0)) / weights.sum()
    return mean


def weighted_macro_f1(labels: IntArray, predicted: IntArray, weights: FloatArray, n_classes: int) -> float:
    """Mean F1 over the classes that occur as label or as prediction of a row that weighs something.

    Args:
        labels: `[N]`.
        predicted: `[N]`.
        weights: `[N]`, at least 0, not all 0.
        n_classes: C.
    """
    right = np.bincount(labels, weights * (labels == predicted), minlength=n_classes)
    occurrences = np.bincount(labels, weights, minlength=n_classes)
    occurrences += np.bincount(predicted, weights, minlength=n_classes)
    present = occurrences > 0
    return float((2.0 * right[present] / occurrences[present]).mean())


def effective_rows(weights: FloatArray) -> float:
    """Rows of equal weight that would estimate a mean as precisely: (Σw)² / Σw² (Kish 1965); 0 of zeros."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0
