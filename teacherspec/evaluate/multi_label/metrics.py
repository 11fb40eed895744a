"""Quality of multi-label predictions before calibration, with intervals over rows."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.label_calibration import LabelErrors, label_decisions
from teacherspec.metrics.scores.intervals import bootstrap, interval_of, wilson_interval
from teacherspec.metrics.scores.multi_label import (
    METRICS,
    Decisions,
    decide,
    decision_nll,
    sigmoid,
)
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.predictions.multi_label import LabelPredictions

GAINED = ("accuracy", "nll", "subset_accuracy", "macro_f1", "micro_f1", "mean_average_precision")
"""Metrics whose gain over the untrained base is reported."""

CLASS_COLUMNS = (
    "label", "support", "average_precision", "precision", "precision_low", "precision_high", "recall",
    "recall_low", "recall_high", "f1",
)  # fmt: skip
"""Of the table of labels; cells are empty where undefined."""


def decisions(found: LabelPredictions) -> Decisions:
    """Labels predicted from a probability of 0.5 on."""
    return decide(found.logits.astype(np.float64), found.labels.astype(bool), 0.0)


def label_quality(found: LabelPredictions, *, confidence: float, resamples: int, seed: int) -> dict[str, Any]:
    """Metrics of a split at temperature 1; labels are predicted from a probability of 0.5 on.

    Args:
        found: of the split.
        confidence: level of the intervals.
        resamples: bootstrap resamples of rows.
        seed: of the resamples.

    Returns:
        `rows`, `labels_per_row`, the metrics of `METRICS`, and `nll` and `brier`, means over rows and labels,
        each with its interval; `ece` of single decisions and `classwise_ece`.
    """
    statistic = numbers_of(found)
    names = (*METRICS, "nll", "brier")
    draws = bootstrap(statistic, len(found.ids), n_resamples=resamples, seed=seed)
    measured = {
        name: asdict(
            interval_of(float(draws.observed[place]), draws.resampled[:, place], confidence=confidence)
        )
        for place, name in enumerate(names)
    }
    logits, labels = found.logits.astype(np.float64), found.labels.astype(bool)
    scored = label_decisions(logits, labels)
    errors = LabelErrors(sigmoid(logits), labels, 15)
    return {
        "rows": len(found.ids),
        "labels_per_row": float(labels.sum(axis=1).mean()),
        **measured,
        "ece": expected_calibration_error(scored.confidences, scored.correct),
        "classwise_ece": float(errors(np.arange(len(labels))).mean()),
    }


def numbers_of(found: LabelPredictions) -> Callable[[IntArray], FloatArray]:
    """From row indices, with repetitions, to the metrics of `METRICS`, NLL and Brier score of these rows."""
    decided = decisions(found)
    logits, labels = found.logits.astype(np.float64), found.labels.astype(bool)
    losses = np.stack(
        [decision_nll(logits, labels).mean(axis=1), ((sigmoid(logits) - labels) ** 2).mean(axis=1)], axis=1
    )

    def numbers(chosen: IntArray) -> FloatArray:
        times = np.bincount(chosen, minlength=len(losses)).astype(np.float64)
        return np.array([*decided.numbers(times).values(), *(times @ losses / times.sum())])

    return numbers


def label_gain(
    teacher: LabelPredictions, base: LabelPredictions, *, confidence: float, resamples: int, seed: int
) -> dict[str, Any]:
    """Gain of each metric of `GAINED` on the same rows, above 0 where the teacher is better; nll in nats.

    Args:
        teacher: of a split.
        base: of the same rows, in their order.
        confidence: level of the intervals.
        resamples: bootstrap resamples of rows, the same for both.
        seed: of the resamples.
    """
    own, other = numbers_of(teacher), numbers_of(base)
    names = (*METRICS, "nll", "brier")
    signs = np.array([-1.0 if name in {"nll", "brier", "ranking_loss"} else 1.0 for name in names])
    draws = bootstrap(
        lambda chosen: signs * (own(chosen) - other(chosen)),
        len(teacher.ids),
        n_resamples=resamples,
        seed=seed,
    )
    places = {name: names.index(name) for name in GAINED}
    return {
        name: asdict(
            interval_of(float(draws.observed[place]), draws.resampled[:, place], confidence=confidence)
        )
        for name, place in places.items()
    }


def class_rows(found: LabelPredictions, names: tuple[str, ...], confidence: float) -> list[list[object]]:
    """Rows of the table of labels, in the order of `CLASS_COLUMNS`.

    Args:
        found: of the test split.
        names: C label names.
        confidence: level of the intervals.
    """
    decided = decisions(found)
    ones = np.ones(len(found.ids))
    precisions, f1 = decided.label_average_precision(ones), decided.label_f1(ones)
    rows: list[list[object]] = []
    for place, name in enumerate(names):
        right, predicted, given = (int(count) for count in decided.counts[:, :, place].sum(axis=0))
        rows.append(
            [
                name,
                given,
                round(float(precisions[place]), 6) if given else "",
                *_share(right, predicted, confidence),
                *_share(right, given, confidence),
                round(float(f1[place]), 6) if given + predicted else "",
            ]
        )
    return rows


def _share(right: int, of: int, confidence: float) -> list[object]:
    if not of:
        return ["", "", ""]
    found = wilson_interval(right, of, confidence=confidence)
    return [round(found.value, 6), round(found.low, 6), round(found.high, 6)]


def score(found: LabelPredictions) -> tuple[float, float]:
    """Accuracy of single decisions, and their NLL in nats."""
    logits, labels = found.logits.astype(np.float64), found.labels.astype(bool)
    return float(((logits >= 0) == labels).mean()), float(decision_nll(logits, labels).mean())


def value(measured: Mapping[str, Any], name: str) -> float:
    """A number of a split, without its interval."""
    return float(measured[name]["value"])
