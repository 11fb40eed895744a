"""Is a metric different on the same rows? Paired tests, one for each number of the reports that has rows.

Two intervals that overlap say little about a difference: both teachers err on the same hard rows. So the
difference itself is measured, row by row, and resampled by row (Efron & Tibshirani 1993, ch. 16).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from teacherspec.metrics.arrays import FloatArray, IntArray
from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.classification import balanced_accuracy, macro_f1, matthews
from teacherspec.metrics.comparison import benjamini_hochberg, compare_accuracy, paired_bootstrap
from teacherspec.metrics.intervals import Interval, interval_of
from teacherspec.metrics.ranking import area_under_roc, separate
from teacherspec.review.rows import Answers, PairedRows

FALSE_DISCOVERY_RATE = 0.05
RESAMPLES = 1000

Statistic = Callable[[Answers, IntArray], float]
"""A number of some rows of one teacher."""


@dataclass(frozen=True)
class PairedTest:
    """How a metric differs on the same rows.

    Attributes:
        metric: dotted name, as in the reports.
        rows: number of them.
        before: the metric of the base revision on these rows.
        after: of the other.
        difference: after - before, with its 95 % interval.
        p_value: two-sided.
        q_value: adjusted over all metrics of the comparison (Benjamini & Hochberg 1995).
        method: how it was tested.
    """

    metric: str
    rows: int
    before: float
    after: float
    difference: Interval
    p_value: float
    q_value: float
    method: str

    @property
    def differs(self) -> bool:
        """Whether chance does not explain the difference."""
        return self.q_value <= FALSE_DISCOVERY_RATE


def paired_tests(splits: Sequence[PairedRows]) -> tuple[PairedTest, ...]:
    """Every metric that rows can tell, of every split."""
    tests: list[PairedTest] = []
    test = next((rows for rows in splits if rows.role == "test"), None)
    for rows in splits:
        if rows.role != "ood":
            tests += [*_row_wise(rows), *_resampled(rows)]
        elif test is not None:
            tests.append(_out_of_scope(test, rows))
    if not tests:
        return ()
    adjusted = benjamini_hochberg([test.p_value for test in tests]).tolist()
    return tuple(replace(found, q_value=q) for found, q in zip(tests, adjusted, strict=True))


def _row_wise(rows: PairedRows) -> Iterator[PairedTest]:
    """Means over rows: accuracy by McNemar's exact test, losses by the paired bootstrap."""
    name = rows.split
    hits = [side.correct.astype(np.float64) for side in (rows.before, rows.after)]
    accuracy = _test(f"evaluate.{name}.accuracy", hits[0], hits[1])
    p_value = compare_accuracy(rows.before.correct, rows.after.correct)
    yield replace(accuracy, p_value=p_value, method="McNemar, exact")
    losses: Mapping[str, Callable[[Answers], FloatArray]] = {
        f"evaluate.{name}.nll": lambda side: _nll(side.log_probs, side.labels),
        f"evaluate.{name}.brier": lambda side: _brier(side.log_probs, side.labels),
        f"calibrate.{name}.nll.after": lambda side: _nll(side.calibrated, side.labels),
        f"calibrate.{name}.brier.after": lambda side: _brier(side.calibrated, side.labels),
    }
    for metric, loss in losses.items():
        yield _test(metric, loss(rows.before), loss(rows.after))


def _test(metric: str, before: FloatArray, after: FloatArray) -> PairedTest:
    found = paired_bootstrap(before, after, n_resamples=RESAMPLES)
    means = float(before.mean()), float(after.mean())
    return PairedTest(
        metric, len(before), *means, found.difference, found.p_value, found.p_value, "paired bootstrap"
    )


def _nll(log_probs: FloatArray, labels: IntArray) -> FloatArray:
    losses: FloatArray = -log_probs[np.arange(len(labels)), labels]
    return losses


def _brier(log_probs: FloatArray, labels: IntArray) -> FloatArray:
    distance = np.exp(log_probs)
    distance[np.arange(len(labels)), labels] -= 1.0
    squared: FloatArray = (distance**2).sum(axis=1)
    return squared


def _f1(side: Answers, rows: IntArray) -> float:
    return macro_f1(side.labels[rows], side.predicted[rows], n_classes=len(side.label_names))


def _balanced(side: Answers, rows: IntArray) -> float:
    return balanced_accuracy(side.labels[rows], side.predicted[rows], n_classes=len(side.label_names))


def _ece_before(side: Answers, rows: IntArray) -> float:
    return _ece(side.log_probs, side.labels, rows)


def _ece_after(side: Answers, rows: IntArray) -> float:
    return _ece(side.calibrated, side.labels, rows)


def _ece(log_probs: FloatArray, labels: IntArray, rows: IntArray) -> float:
    top = log_probs[rows].argmax(axis=1)
    confidence = np.minimum(np.exp(log_probs[rows, top]), 1.0)
    return expected_calibration_error(confidence, top == labels[rows])


def _matthews(side: Answers, rows: IntArray) -> float:
    labels, predicted = side.labels[rows], side.predicted[rows]
    if np.ptp(labels) == 0 or np.ptp(predicted) == 0:
        return 0.0  # its usual value where it is undefined: no better than chance
    return matthews(labels, predicted, n_classes=len(side.label_names))


STATISTICS: Mapping[str, Statistic] = {
    "evaluate.{}.macro_f1": _f1,
    "evaluate.{}.balanced_accuracy": _balanced,
    "evaluate.{}.matthews": _matthews,
    "evaluate.{}.ece": _ece_before,
    "calibrate.{}.ece.after": _ece_after,
}
"""Metrics of a whole split, which are computed anew on every resample of the rows."""


def _resampled(rows: PairedRows) -> Iterator[PairedTest]:
    draw = np.random.default_rng(0)
    count = len(rows)
    everything = np.arange(count)
    resamples = [draw.integers(count, size=count) for _ in range(RESAMPLES)]
    for metric, statistic in STATISTICS.items():
        before, after = (statistic(side, everything) for side in (rows.before, rows.after))
        differences = [statistic(rows.after, some) - statistic(rows.before, some) for some in resamples]
        yield _from_resamples(metric.format(rows.split), count, before, after, np.array(differences))


def _out_of_scope(test: PairedRows, other: PairedRows) -> PairedTest:
    """AUROC of the calibrated maximum probability: test rows against those of no class."""
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
    return _from_resamples(metric, len(test) + len(other), whole[0], whole[1], np.array(differences))


def _from_resamples(
    metric: str, rows: int, before: float, after: float, differences: FloatArray
) -> PairedTest:
    smaller = (1 + int((differences <= 0).sum())) / (len(differences) + 1)
    larger = (1 + int((differences >= 0).sum())) / (len(differences) + 1)
    p_value = min(1.0, 2.0 * min(smaller, larger))
    interval = interval_of(after - before, differences)
    return PairedTest(metric, rows, before, after, interval, p_value, p_value, "paired bootstrap")
