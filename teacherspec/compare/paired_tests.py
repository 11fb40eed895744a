"""Paired tests of whether a metric differs on the same rows.

Overlapping intervals of two teachers do not show whether they differ, because both err on the same hard
rows. So the difference itself is measured, row by row, and resampled by row (Efron & Tibshirani 1993,
ch. 16).

A metric that is equal on every row is no test: nothing can be concluded about it, and a p-value of 1 known in
advance would only make the adjusted p-values of the others larger (Tarone 1990, doi 10.2307/2531456).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.multiple_testing import adjusted
from teacherspec.metrics.scores.intervals import Interval, bootstrap, interval_of
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.metrics.significance import (
    bootstrap_p_value,
    compare_accuracy,
    paired_bootstrap,
)
from teacherspec.runtime.atomic_io import DIGITS

FALSE_DISCOVERY_RATE = 0.05
RESAMPLES = 1000

Hits = npt.NDArray[np.bool_]
"""Which predictions are right, `[N]`."""

Statistics = Callable[[IntArray], FloatArray]
"""From positions of rows to K numbers of these rows."""


@dataclass(frozen=True)
class PairedTest:
    """The difference of a metric on the same rows.

    Attributes:
        metric: dotted name, as in the reports.
        rows: number of them.
        before: the metric of the base revision on these rows.
        after: of the head revision.
        difference: after - before, with its 95 % interval.
        p_value: two-sided.
        q_value: adjusted over the metrics of the comparison that differ on some row (Benjamini & Hochberg
            1995).
        method: how it was tested.
        within_seed_noise: whether other seeds of the two recipes may explain the difference, where seeds are
            declared.
    """

    metric: str
    rows: int
    before: float
    after: float
    difference: Interval
    p_value: float
    q_value: float
    method: str
    within_seed_noise: bool = False

    @property
    def differs(self) -> bool:
        """Whether the difference is significant."""
        return self.q_value <= FALSE_DISCOVERY_RATE

    @property
    def is_equal(self) -> bool:
        """Whether the metric is equal on every row, as precisely as reports state it."""
        change = self.difference
        return not any(round(value, DIGITS) for value in (change.value, change.low, change.high))


@dataclass(frozen=True)
class TestFamily:
    """The metrics of one comparison.

    Attributes:
        tests: of those that differ on some row, with their `q_value`.
        unchanged: names of those that are equal on every row.
    """

    __test__ = False  # no test case of pytest

    tests: tuple[PairedTest, ...]
    unchanged: tuple[str, ...]


def family(found: Sequence[PairedTest]) -> TestFamily:
    """Separate what is equal on every row, and adjust the p-values of the others for each other."""
    tests = [test for test in found if not test.is_equal]
    q_values = adjusted([test.p_value for test in tests])
    return TestFamily(
        tuple(replace(test, q_value=q) for test, q in zip(tests, q_values, strict=True)),
        tuple(test.metric for test in found if test.is_equal),
    )


def mcnemar(metric: str, before: Hits, after: Hits) -> PairedTest:
    """Two shares of right rows: the interval by the paired bootstrap, p by McNemar's exact test.

    Args:
        metric: its name.
        before: `[N]`, which rows the base revision has right.
        after: `[N]`, which of the same rows the head revision has right.
    """
    found = paired_mean(metric, before.astype(np.float64), after.astype(np.float64))
    return replace(found, p_value=compare_accuracy(before, after), method="McNemar, exact")


def resampled(
    metrics: Sequence[str], before: Statistics, after: Statistics, rows: int
) -> Iterator[PairedTest]:
    """Several numbers of each side, computed on the same resamples of the rows.

    Args:
        metrics: K names.
        before: from positions of rows to K numbers of the base revision.
        after: the same for the head revision.
        rows: number of rows, at least 2.
    """
    draws = bootstrap(
        lambda chosen: np.stack([before(chosen), after(chosen)]), rows, n_resamples=RESAMPLES, seed=0
    )
    changes = draws.resampled[:, 1] - draws.resampled[:, 0]  # [resamples, K]
    for at, metric in enumerate(metrics):
        sides = draws.observed[:, at].tolist()
        yield from_resamples(metric, rows, sides[0], sides[1], changes[:, at])


def paired_mean(metric: str, before: FloatArray, after: FloatArray) -> PairedTest:
    """Two means of row-wise values `[N]`, `[N]` of the same rows."""
    found = paired_bootstrap(before, after, n_resamples=RESAMPLES)
    means = float(before.mean()), float(after.mean())
    return PairedTest(
        metric, len(before), *means, found.difference, found.p_value, found.p_value, "paired bootstrap"
    )


def from_resamples(
    metric: str, rows: int, before: float, after: float, differences: FloatArray
) -> PairedTest:
    """Two numbers of the same rows, and their differences on resamples of these."""
    p_value = bootstrap_p_value(differences)
    interval = interval_of(after - before, differences)
    return PairedTest(metric, rows, before, after, interval, p_value, p_value, "paired bootstrap")
