"""Paired tests of clustered observations: tokens of a prompt, candidate sets of an image."""

from collections.abc import Iterator, Sequence

from teacherspec.compare.paired_tests import PairedTest, Statistics, resampled
from teacherspec.metrics.cluster_bootstrap import ClusteredScores, ClusteredStatistic
from teacherspec.metrics.scores.validation import FloatArray, IntArray

N_BINS = 15
"""Bins of the calibration error: the default of `evaluate` and `calibrate`."""

RAW, CALIBRATED = ("nll", "accuracy", "ece"), ("nll", "ece")
"""Metrics that are compared before and after calibration."""


def clustered_tests(
    split: str, raw: Sequence[ClusteredScores], calibrated: Sequence[ClusteredScores], clusters: int
) -> Iterator[PairedTest]:
    """Loss, accuracy and calibration error, whole clusters resampled in pairs.

    Args:
        split: its name.
        raw: scores of the base and of the head revision at temperature 1.
        calibrated: the same at each side's fitted temperature.
        clusters: number of clusters.
    """
    for names, template, scored in (
        (RAW, "evaluate.{}.{}", raw),
        (CALIBRATED, "calibrate.{}.{}.after", calibrated),
    ):
        before, after = (_statistics(side, names, clusters) for side in scored)
        yield from resampled([template.format(split, name) for name in names], before, after, clusters)


def _statistics(scored: ClusteredScores, names: Sequence[str], clusters: int) -> Statistics:
    statistic = ClusteredStatistic(scored, clusters, N_BINS)
    columns = [ClusteredStatistic.NAMES.index(name) for name in names]

    def numbers(chosen: IntArray) -> FloatArray:
        found: FloatArray = statistic(chosen)[columns]
        return found

    return numbers
