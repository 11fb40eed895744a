"""The probability from which each label is predicted, chosen on rows that fitted no weights."""

from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import FloatArray
from teacherspec.spec.calibrate import F1Thresholds, PrecisionThresholds, Thresholds

EVEN = 0.5
"""Threshold of a label without rows to choose one on, and of all where no rule is declared."""

DIGITS = 6


def fit_thresholds(
    rule: Thresholds | None, probs: FloatArray, labels: npt.NDArray[np.bool_]
) -> list[float | None]:
    """The threshold of each label, C numbers; None for a label that is never predicted.

    Args:
        rule: `calibrate.thresholds`.
        probs: `[N, C]`, calibrated.
        labels: `[N, C]`.
    """
    if rule is None:
        return [EVEN] * probs.shape[1]
    return [_threshold(rule, probs[:, k], labels[:, k]) for k in range(probs.shape[1])]


def _threshold(rule: Thresholds, probs: FloatArray, labels: npt.NDArray[np.bool_]) -> float | None:
    if not labels.any():
        return EVEN
    from sklearn.metrics import precision_recall_curve

    precision, recall, cuts = precision_recall_curve(labels, probs)
    precision, recall = precision[:-1], recall[:-1]  # the last point has no threshold
    if isinstance(rule, F1Thresholds):
        total = np.maximum(precision + recall, 1e-300)
        best = int(np.flatnonzero(_highest(2 * precision * recall / total))[-1])
    elif isinstance(rule, PrecisionThresholds):
        reached = (precision >= rule.at_least) & (recall > 0)
        if not reached.any():
            return None
        best = int(np.flatnonzero(reached)[0])  # thresholds ascend, so that recall is the highest here
    return _between(cuts, best)


def _highest(values: FloatArray) -> npt.NDArray[np.bool_]:
    highest: npt.NDArray[np.bool_] = np.isclose(values, values.max(), rtol=1e-12, atol=0)
    return highest


def _between(cuts: FloatArray, place: int) -> float:
    """Half-way between a probability and the next lower one, so that rounding decides no row."""
    lower = cuts[place - 1] if place else 0.0
    return round(float((cuts[place] + lower) / 2), DIGITS)


def decided_by(thresholds: "list[float | None]", probs: FloatArray) -> npt.NDArray[np.bool_]:
    """Which labels `[N, C]` are predicted."""
    limits = np.array([np.inf if one is None else one for one in thresholds])
    decided: npt.NDArray[np.bool_] = probs >= limits
    return decided


def as_saved(
    rule: Thresholds | None, thresholds: "list[float | None]", label_names: "tuple[str, ...]"
) -> dict[str, Any]:
    """The entry `thresholds` of `calibration.json`."""
    return {
        "rule": None if rule is None else rule.model_dump(mode="json"),
        "by_label": dict(zip(label_names, thresholds, strict=True)),
    }
