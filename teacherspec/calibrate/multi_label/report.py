"""Measures of multi-label predictions before and after calibration, and of the labels then predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.calibrate.clustered import compare_clustered
from teacherspec.calibrate.result import WHEN
from teacherspec.calibrators.label_thresholds import decided_by
from teacherspec.metrics.label_calibration import LabelErrors, label_decisions
from teacherspec.metrics.scores.intervals import bootstrap, calibration_error_interval, interval_of
from teacherspec.metrics.scores.multi_label import METRICS, Decisions, sigmoid
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.metrics.significance import paired_bootstrap
from teacherspec.spec.calibrate import Calibrate

NOISE_QUANTILE = 0.95

DECIDED = tuple(name for name in METRICS if name not in {"mean_average_precision", "ranking_loss"})
"""Metrics that depend on thresholds."""

SHARES = ("macro_precision", "macro_recall")
"""The same, of the labels one by one."""

LABEL_COLUMNS = (
    "label", "rows", "threshold", "precision", "recall", "f1", "ece_before", "floor_before", "ece_after",
    "floor_after",
)  # fmt: skip
"""Of the table of labels; cells are empty where undefined."""

Labels = npt.NDArray[np.bool_]


def compare_labels(
    before: FloatArray, after: FloatArray, labels: Labels, section: Calibrate
) -> dict[str, Any]:
    """Nested measures of one split: of all decisions on labels together, and of each label's probability.

    `ece` is that of the likelier answer to each decision; `classwise_ece` the mean over labels of the ECE of
    their probabilities. Rows are resampled whole.

    Args:
        before: `[N, C]`, logits at temperature 1.
        after: the same, calibrated.
        labels: `[N, C]`.
        section: bins, resamples, seed, level.
    """
    changed = int(((before >= 0) != (after >= 0)).sum())
    measured: dict[str, Any] = {"rows": len(labels), "argmax_changed": changed}
    measured |= compare_clustered(label_decisions(before, labels), label_decisions(after, labels), section)
    brier = []
    for when, logits in zip(WHEN, (before, after), strict=True):
        probs = sigmoid(logits)
        brier.append(((probs - labels) ** 2).mean(axis=1))
        parts = classwise(probs, labels, section)
        measured.setdefault("classwise_ece", {}).update({f"{part}{when}": one for part, one in parts.items()})
    paired = paired_bootstrap(
        *brier, n_resamples=section.resamples, seed=section.seed, confidence=section.confidence
    )
    draws = bootstrap(
        lambda rows: np.array([one[rows].mean() for one in brier]),
        len(labels),
        n_resamples=section.resamples,
        seed=section.seed,
    )
    measured["brier"] = {
        when: asdict(
            interval_of(float(draws.observed[at]), draws.resampled[:, at], confidence=section.confidence)
        )
        for at, when in enumerate(WHEN)
    }
    measured["brier"] |= {"change": asdict(paired.difference), "p_value": paired.p_value}
    return measured


def classwise(probs: FloatArray, labels: Labels, section: Calibrate) -> dict[str, Any]:
    """Classwise ECE with its interval under the key `""`, its noise floor and the 95 % point of its noise."""
    errors = LabelErrors(probs, labels, section.n_bins)
    draws = bootstrap(
        lambda rows: errors(rows).mean(), len(labels), n_resamples=section.resamples, seed=section.seed
    )
    noise = errors.noise(quantile=NOISE_QUANTILE, n_draws=section.resamples, seed=section.seed)
    interval = calibration_error_interval(
        float(draws.observed), draws.resampled, noise_point=noise, confidence=section.confidence
    )
    return {"": asdict(interval), "floor_": float(errors.floors().mean()), "noise_": noise}


def measure_thresholds(
    logits: FloatArray, labels: Labels, thresholds: list[float | None], section: Calibrate
) -> dict[str, Any]:
    """Metrics of `DECIDED` and `SHARES` of the labels that reach their thresholds, with intervals over rows.

    Args:
        logits: `[N, C]`, calibrated.
        labels: `[N, C]`.
        thresholds: C probabilities.
        section: resamples, seed, level.
    """
    probs = sigmoid(logits)
    decided = Decisions(probs, labels, decided_by(thresholds, probs))

    def numbers(rows: IntArray) -> FloatArray:
        times = np.bincount(rows, minlength=len(labels)).astype(np.float64)
        found = decided.decided_numbers(times)
        return np.array([found[name] for name in (*DECIDED, *SHARES)])

    draws = bootstrap(numbers, len(labels), n_resamples=section.resamples, seed=section.seed)
    return {
        name: asdict(
            interval_of(float(draws.observed[at]), draws.resampled[:, at], confidence=section.confidence)
        )
        for at, name in enumerate((*DECIDED, *SHARES))
    }


def label_rows(
    scored: Mapping[str, FloatArray],
    labels: Labels,
    thresholds: list[float | None],
    names: Sequence[str],
    n_bins: int,
) -> list[list[object]]:
    """Rows of the table of labels, in the order of `LABEL_COLUMNS`.

    Args:
        scored: `before` and `after`, logits `[N, C]` of the test split.
        labels: `[N, C]`.
        thresholds: C probabilities.
        names: C label names.
        n_bins: of the errors.
    """
    probs = {when: sigmoid(logits) for when, logits in scored.items()}
    decided = Decisions(probs["after"], labels, decided_by(thresholds, probs["after"]))
    right, predicted, given = decided.counts.sum(axis=0)
    f1 = decided.label_f1(np.ones(len(labels)))
    every = np.arange(len(labels))
    errors = {when: LabelErrors(values, labels, n_bins) for when, values in probs.items()}
    of_label = {when: (one(every), one.floors()) for when, one in errors.items()}
    rows: list[list[object]] = []
    for place, name in enumerate(names):
        threshold = thresholds[place]
        rows.append(
            [
                name,
                int(given[place]),
                "" if threshold is None else threshold,
                round(float(right[place] / predicted[place]), 6) if predicted[place] else "",
                round(float(right[place] / given[place]), 6) if given[place] else "",
                round(float(f1[place]), 6) if given[place] + predicted[place] else "",
                *(round(float(values[place]), 6) for when in WHEN for values in of_label[when]),
            ]
        )
    return rows
