"""Compare two teachers of scores on the same rows."""

from collections.abc import Sequence

import numpy as np

from teacherspec.calibrators.score_interval import parse_score_interval
from teacherspec.compare.paired_predictions import Sides, positions_of
from teacherspec.compare.paired_tests import PairedTest, Statistics, resampled
from teacherspec.compare.prediction_diff import PredictionDiff, SplitDiff, compare_splits
from teacherspec.metrics.scores.regression import METRICS, metric_values
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.predictions.regression import ScorePredictions, load_scores

CALIBRATED = ("mse", "rmse", "mae")
"""Metrics that are tested as calibrated, too: no line changes a correlation."""


def compare_predictions(sides: Sides, not_compared: list[str]) -> PredictionDiff:
    """Paired tests of errors and correlations, of the scores as they are and as calibrated.

    Args:
        sides: whose predictions are scores.
        not_compared: gets a sentence for everything that cannot be compared.
    """
    intervals = [parse_score_interval(side.calibration_file["calibrator"]) for side in sides.both]

    def compare(split: str, before: ScorePredictions, after: ScorePredictions, ids: list[str]) -> SplitDiff:
        labels = after.labels[positions_of(after.ids, ids)]
        rows = [one.scores[positions_of(one.ids, ids)].astype(np.float64) for one in (before, after)]
        corrected = [one.corrected(scores) for one, scores in zip(intervals, rows, strict=True)]
        raw = _tests([f"evaluate.{split}.{name}" for name in METRICS], rows, labels)
        tested = _tests([f"calibrate.{split}.{name}.after" for name in METRICS], corrected, labels)
        return SplitDiff([*raw, *(test for test in tested if test.metric.split(".")[-2] in CALIBRATED)])

    return compare_splits(
        sides, not_compared, lambda side, split: load_scores(side.predictions, split), compare
    )


def _tests(metrics: Sequence[str], sides: Sequence[FloatArray], labels: FloatArray) -> list[PairedTest]:
    """Each metric of both sides' scores `[N]` and the labels `[N]`."""
    before, after = (_statistics(scores, labels) for scores in sides)
    return list(resampled(metrics, before, after, len(labels)))


def _statistics(scores: FloatArray, labels: FloatArray) -> Statistics:
    """From positions of rows to the metrics of these rows."""

    def numbers(chosen: IntArray) -> FloatArray:
        return metric_values(scores[chosen], labels[chosen])

    return numbers
