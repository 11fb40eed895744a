"""Paired tests of the metrics of a multi-label teacher, whole rows resampled in pairs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from teacherspec.compare.cluster_tests import clustered_tests
from teacherspec.compare.paired_tests import Hits, PairedTest, Statistics, mcnemar, resampled
from teacherspec.metrics.label_calibration import LabelErrors, label_decisions
from teacherspec.metrics.scores.multi_label import Decisions, decide, sigmoid
from teacherspec.metrics.scores.validation import FloatArray, IntArray

RAW = ("macro_f1", "micro_f1", "sample_f1", "mean_average_precision", "ranking_loss")
"""Metrics before calibration, labels predicted from 0.5 on."""

DECIDED = ("macro_f1", "micro_f1", "sample_f1")
"""Metrics of the labels that reach their thresholds."""

N_BINS = 15


@dataclass(frozen=True)
class DecidedRows:
    """The predictions of one teacher for N rows.

    Attributes:
        raw: `[N, C]`, logits at temperature 1.
        calibrated: `[N, C]`, calibrated logits.
        labels: `[N, C]`, which labels are given.
        decided: `[N, C]`, which labels reach their thresholds.
    """

    raw: FloatArray
    calibrated: FloatArray
    labels: Hits
    decided: Hits

    @property
    def right(self) -> Hits:
        """Whether all labels of a row are right as calibrated, `[N]`."""
        right: Hits = (self.labels == self.decided).all(axis=1)
        return right

    def select(self, rows: IntArray) -> "DecidedRows":
        """Some of the rows."""
        return DecidedRows(self.raw[rows], self.calibrated[rows], self.labels[rows], self.decided[rows])


def metric_tests(split: str, before: DecidedRows, after: DecidedRows) -> Iterator[PairedTest]:
    """A test of every metric that can be computed from the predictions of the rows.

    Args:
        split: its name.
        before: of the base revision.
        after: the same rows of the head revision.
    """
    rows = len(before.labels)
    sides = (before, after)
    raw = [label_decisions(one.raw, one.labels) for one in sides]
    calibrated = [label_decisions(one.calibrated, one.labels) for one in sides]
    yield from clustered_tests(split, raw, calibrated, rows)
    yield mcnemar(f"calibrate.{split}.thresholds.subset_accuracy", before.right, after.right)
    exact = [((one.raw >= 0) == one.labels).all(axis=1) for one in sides]
    yield mcnemar(f"evaluate.{split}.subset_accuracy", exact[0], exact[1])
    names = [
        *(f"evaluate.{split}.{name}" for name in RAW),
        *(f"calibrate.{split}.thresholds.{name}" for name in DECIDED),
        f"calibrate.{split}.classwise_ece.after",
    ]
    yield from resampled(names, _numbers(before), _numbers(after), rows)


def _numbers(side: DecidedRows) -> Statistics:
    ranked = decide(side.raw, side.labels, 0.0)
    decided = Decisions(side.calibrated, side.labels, side.decided)
    errors = LabelErrors(sigmoid(side.calibrated), side.labels, N_BINS)

    def numbers(chosen: IntArray) -> FloatArray:
        times = np.bincount(chosen, minlength=len(side.labels)).astype(np.float64)
        own, other = ranked.numbers(times), decided.decided_numbers(times)
        return np.array(
            [*(own[name] for name in RAW), *(other[name] for name in DECIDED), errors(chosen).mean()]
        )

    return numbers
