"""Measures of clustered observations, such as tokens or labels of a row, before and after calibration."""

from dataclasses import asdict
from typing import Any

from teacherspec.calibrate.before_after import PLAIN, Drawn, binned_error, change, worsened
from teacherspec.calibrate.result import WHEN
from teacherspec.metrics.calibration import ECE_BINNINGS
from teacherspec.metrics.cluster_bootstrap import ClusteredScores, ClusteredStatistic
from teacherspec.metrics.scores.intervals import BootstrapDraws, bootstrap, interval_of
from teacherspec.metrics.significance import bootstrap_p_value
from teacherspec.metrics.summary import top_label_summary
from teacherspec.spec.calibrate import Calibrate


def compare_clustered(before: ClusteredScores, after: ClusteredScores, section: Calibrate) -> dict[str, Any]:
    """Nested measures of one split, `before` and `after` calibration, every observation weighing the same.

    Intervals resample whole clusters, in pairs; binned errors have their noise floor and its 95 % point,
    which assume independent observations.

    Args:
        before: observations at temperature 1.
        after: the same observations, calibrated.
        section: bins, resamples, seed, level.
    """
    clusters = int(before.cluster.max()) + 1
    measured: dict[str, Any] = {}
    draws: dict[str, BootstrapDraws] = {}
    for when, scored in zip(WHEN, (before, after), strict=True):
        statistic = ClusteredStatistic(scored, clusters, section.n_bins)
        draws[when] = bootstrap(statistic, clusters, n_resamples=section.resamples, seed=section.seed)
        drawn = dict(
            zip(
                ClusteredStatistic.NAMES,
                zip(draws[when].observed, draws[when].resampled.T, strict=True),
                strict=True,
            )
        )
        for name in ClusteredStatistic.MEANS:
            interval = interval_of(*drawn[name], confidence=section.confidence)
            measured.setdefault(name, {})[when] = asdict(interval)
        for name, binning in ECE_BINNINGS.items():
            parts = binned_error(*drawn[name], scored.confidences, binning, section)
            measured.setdefault(name, {}).update({f"{part}{when}": value for part, value in parts.items()})
        summary = asdict(top_label_summary(scored.confidences, scored.correct, n_bins=section.n_bins))
        for name in PLAIN:
            if summary[name] is not None:
                measured.setdefault(name, {})[when] = summary[name]
    for name in ("nll", "ece"):
        pair = (_drawn(draws["before"], name), _drawn(draws["after"], name))
        measured[name]["change"] = asdict(change(*pair, section))
    measured["nll"]["p_value"] = bootstrap_p_value(
        _drawn(draws["after"], "nll")[1] - _drawn(draws["before"], "nll")[1]
    )
    return {**measured, "worsened": worsened(measured)}


def _drawn(draws: BootstrapDraws, name: str) -> Drawn:
    place = ClusteredStatistic.NAMES.index(name)
    return float(draws.observed[place]), draws.resampled[:, place]
