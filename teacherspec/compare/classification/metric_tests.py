"""Paired tests of the metrics of a classifier."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from teacherspec.compare.classification.pairing import ClassPredictions, PairedRows
from teacherspec.compare.paired_tests import (
    RESAMPLES,
    PairedTest,
    from_resamples,
    mcnemar,
    paired_mean,
    resampled,
)
from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.ranking import area_under_roc, separate
from teacherspec.metrics.scores.classification import balanced_accuracy, macro_f1, matthews
from teacherspec.metrics.scores.proper_scores import brier_per_row, nll_per_row
from teacherspec.metrics.scores.validation import FloatArray, IntArray

Statistic = Callable[[ClassPredictions, IntArray], float]
"""From the predictions of one teacher and positions of rows to a number of these rows."""


def metric_tests(splits: Sequence[PairedRows]) -> list[PairedTest]:
    """A test of every metric of every split that can be computed from the predictions of its rows."""
    tests: list[PairedTest] = []
    test = next((rows for rows in splits if rows.role == "test"), None)
    for rows in splits:
        if rows.role != "ood":
            tests += [*_row_wise(rows), *_resampled(rows)]
        elif test is not None:
            tests.append(_ood_detection(test, rows))
    return tests


def _row_wise(rows: PairedRows) -> Iterator[PairedTest]:
    """Means over rows: accuracy by McNemar's exact test, losses by the paired bootstrap."""
    name = rows.split
    yield mcnemar(f"evaluate.{name}.accuracy", rows.before.correct, rows.after.correct)
    losses: Mapping[str, Callable[[ClassPredictions], FloatArray]] = {
        f"evaluate.{name}.nll": lambda side: nll_per_row(side.log_probs, side.labels),
        f"evaluate.{name}.brier": lambda side: brier_per_row(np.exp(side.log_probs), side.labels),
        f"calibrate.{name}.nll.after": lambda side: nll_per_row(side.calibrated, side.labels),
        f"calibrate.{name}.brier.after": lambda side: brier_per_row(np.exp(side.calibrated), side.labels),
    }
    for metric, loss in losses.items():
        yield paired_mean(metric, loss(rows.before), loss(rows.after))


def _f1(side: ClassPredictions, rows: IntArray) -> float:
    return macro_f1(side.labels[rows], side.predicted[rows], n_classes=len(side.label_names))


def _balanced(side: ClassPredictions, rows: IntArray) -> float:
    return balanced_accuracy(side.labels[rows], side.predicted[rows], n_classes=len(side.label_names))


def _ece_before(side: ClassPredictions, rows: IntArray) -> float:
    return _ece(side.log_probs, side.labels, rows)


def _ece_after(side: ClassPredictions, rows: IntArray) -> float:
    return _ece(side.calibrated, side.labels, rows)


def _ece(log_probs: FloatArray, labels: IntArray, rows: IntArray) -> float:
    top = log_probs[rows].argmax(axis=1)
    confidence = np.minimum(np.exp(log_probs[rows, top]), 1.0)
    return expected_calibration_error(confidence, top == labels[rows])


def _matthews(side: ClassPredictions, rows: IntArray) -> float:
    labels, predicted = side.labels[rows], side.predicted[rows]
    if np.ptp(labels) == 0 or np.ptp(predicted) == 0:
        return 0.0  # undefined here; 0 is its conventional value, that of guessing
    return matthews(labels, predicted, n_classes=len(side.label_names))


STATISTICS: Mapping[str, Statistic] = {
    "evaluate.{}.macro_f1": _f1,
    "evaluate.{}.balanced_accuracy": _balanced,
    "evaluate.{}.matthews": _matthews,
    "evaluate.{}.ece": _ece_before,
    "calibrate.{}.ece.after": _ece_after,
}
"""Metrics of a whole split, which are computed on every resample of the rows."""


def _resampled(rows: PairedRows) -> Iterator[PairedTest]:
    def numbers(side: ClassPredictions) -> Callable[[IntArray], FloatArray]:
        return lambda chosen: np.array([statistic(side, chosen) for statistic in STATISTICS.values()])

    names = [name.format(rows.split) for name in STATISTICS]
    yield from resampled(names, numbers(rows.before), numbers(rows.after), len(rows))


def _ood_detection(test: PairedRows, other: PairedRows) -> PairedTest:
    """AUROC of the calibrated maximum probability: test rows against out-of-distribution rows."""
    before = test.before.calibrated.max(axis=1), other.before.calibrated.max(axis=1)
    after = test.after.calibrated.max(axis=1), other.after.calibrated.max(axis=1)
    draw = np.random.default_rng(0)
    differences = []
    for _ in range(RESAMPLES):
        inside = draw.integers(len(test), size=len(test))
        outside = draw.integers(len(other), size=len(other))
        first, second = (
            area_under_roc(separate(side[0][inside], side[1][outside])) for side in (before, after)
        )
        differences.append(second - first)
    whole = [area_under_roc(separate(*side)) for side in (before, after)]
    metric = f"calibrate.{other.split}.max_probability.after.auroc"
    return from_resamples(metric, len(test) + len(other), whole[0], whole[1], np.array(differences))
