"""Quality of the predictions of one split, each metric with its interval."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from teacherspec.evaluate.classification.label_details import distribution_quality, weighted_quality
from teacherspec.metrics.calibration import expected_calibration_error, top_label_confidence
from teacherspec.metrics.scores.classification import balanced_accuracy, macro_f1, matthews, per_class
from teacherspec.metrics.scores.disagreement import entropy
from teacherspec.metrics.scores.intervals import (
    Interval,
    bootstrap,
    interval_of,
    mean_interval,
    wilson_interval,
)
from teacherspec.metrics.scores.proper_scores import brier_per_row, nll_per_row
from teacherspec.metrics.scores.softmax import log_softmax, softmax, top_label
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.predictions.classification import Predictions

ROWS_AT_ONCE = 16_384
"""Rows whose probabilities, in float64, are in memory together."""

CLASS_COLUMNS = (
    "label", "support",
    "recall", "recall_low", "recall_high",
    "precision", "precision_low", "precision_high",
    "f1",
)  # fmt: skip


def quality(predictions: Predictions, *, confidence: float, resamples: int, seed: int) -> dict[str, Any]:
    """Metrics of a labelled split, before any calibration.

    Args:
        predictions: every row has a label.
        confidence: level of the intervals.
        resamples: bootstrap resamples.
        seed: of the resamples.

    Returns:
        `rows`; `accuracy` with Wilson interval; `nll` (nats a row), `brier`, `macro_f1` with bootstrap
        interval; `balanced_accuracy`, `ece` (15 equal-width bins) and `entropy` (mean of the distributions,
        nats) as plain numbers, and so `matthews` unless it is undefined because labels or predictions are all
        of one class. In all of these every row counts alike; `weighted` holds those of `weighted_quality`
        where rows have weights, `label_distribution` those of `distribution_quality` where they have one.
    """
    labels, (rows, classes) = predictions.labels, predictions.logits.shape
    values = row_values(predictions)
    predicted = values.predicted

    def f1_of(chosen: npt.NDArray[np.intp]) -> float:
        return macro_f1(labels[chosen], predicted[chosen], n_classes=classes)

    def mean_of(values: npt.NDArray[np.float64]) -> Interval:
        return mean_interval(values, n_resamples=resamples, seed=seed, confidence=confidence)

    draws = bootstrap(f1_of, rows, n_resamples=resamples, seed=seed)
    intervals = {
        "accuracy": wilson_interval(int((predicted == labels).sum()), rows, confidence=confidence),
        "macro_f1": interval_of(float(draws.observed), draws.resampled, confidence=confidence),
        "nll": mean_of(values.nll),
        "brier": mean_of(values.brier),
    }
    measured = {
        "rows": rows,
        **{name: asdict(interval) for name, interval in intervals.items()},
        "balanced_accuracy": balanced_accuracy(labels, predicted, n_classes=classes),
        "entropy": float(values.entropy.mean()),
        "ece": expected_calibration_error(values.confidence, values.correct),
    }
    if np.ptp(labels) > 0 and np.ptp(predicted) > 0:
        measured["matthews"] = matthews(labels, predicted, n_classes=classes)
    return measured | _by_label_details(
        predictions, values, confidence=confidence, resamples=resamples, seed=seed
    )


def _by_label_details(
    predictions: Predictions, values: "RowValues", *, confidence: float, resamples: int, seed: int
) -> dict[str, Any]:
    """Metrics by what is known of labels besides their class; empty where nothing is."""
    found: dict[str, Any] = {}
    if predictions.weights is not None:
        found["weighted"] = weighted_quality(
            predictions.labels.astype(np.int64),
            values.predicted,
            {"accuracy": values.correct.astype(np.float64), "nll": values.nll, "brier": values.brier},
            values.confidence,
            predictions.weights,
            classes=predictions.logits.shape[1],
            confidence=confidence,
            resamples=resamples,
            seed=seed,
        )
    if predictions.label_probs is not None:
        found["label_distribution"] = distribution_quality(
            softmax(predictions.logits),
            predictions.label_probs,
            confidence=confidence,
            resamples=resamples,
            seed=seed,
        )
    return found


class RowValues(NamedTuple):
    """Measures of each of N rows, `[N]`.

    Attributes:
        predicted: the predicted label.
        nll: nats.
        brier: between 0 and 2.
        entropy: of the predicted distribution, nats.
        confidence: probability of the predicted label.
        correct: whether it is the given one.
    """

    predicted: IntArray
    nll: FloatArray
    brier: FloatArray
    entropy: FloatArray
    confidence: FloatArray
    correct: "npt.NDArray[np.bool_]"


def row_values(predictions: Predictions) -> RowValues:
    """Measures of each row, in memory for the probabilities of `ROWS_AT_ONCE` rows."""
    parts = []
    for start in range(0, len(predictions.labels), ROWS_AT_ONCE):
        logits = predictions.logits[start : start + ROWS_AT_ONCE]
        labels = predictions.labels[start : start + ROWS_AT_ONCE]
        probs = softmax(logits)
        parts.append(
            (
                top_label(logits),
                nll_per_row(logits, labels),
                brier_per_row(probs, labels),
                entropy(log_softmax(logits)),
                *top_label_confidence(probs, labels),
            )
        )
    return RowValues(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def class_rows(predictions: Predictions, label_names: Sequence[str], confidence: float) -> list[list[object]]:
    """One row a class in the order of `CLASS_COLUMNS`; a cell is empty where the number does not exist."""
    classes = per_class(
        predictions.labels, top_label(predictions.logits), n_classes=len(label_names), confidence=confidence
    )

    def cells(interval: Interval | None) -> list[object]:
        return (
            ["", "", ""]
            if interval is None
            else [round(x, 6) for x in (interval.value, interval.low, interval.high)]
        )

    return [
        [
            name,
            found.support,
            *cells(found.recall),
            *cells(found.precision),
            "" if found.f1 is None else round(found.f1, 6),
        ]
        for name, found in zip(label_names, classes, strict=True)
    ]


def confusion_rows(predictions: Predictions, label_names: Sequence[str]) -> list[tuple[str, str]]:
    """(label, predicted label) of every row, as the confusion template of `dvc plots` reads them."""
    guesses = top_label(predictions.logits)
    return [
        (label_names[label], label_names[guess])
        for label, guess in zip(predictions.labels, guesses, strict=True)
    ]
