"""What the calibration of scores leaves for a reader: coverage of intervals of every level, and pictures."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from teacherspec.calibrate.report import RELIABILITY_COLUMNS, RISK_COLUMNS
from teacherspec.calibrators.score_interval import ScoreInterval, conformal_radius
from teacherspec.metrics.scores.intervals import Interval, wilson_interval
from teacherspec.metrics.scores.regression import coverage
from teacherspec.plots.regression import coverage_figure, score_figure
from teacherspec.plots.style import drawing, save_png
from teacherspec.predictions.regression import ScorePredictions
from teacherspec.runtime.atomic_io import new_folder, round_floats, write_json, write_tsv
from teacherspec.runtime.headline_metrics import write_headline

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Levels of which intervals are measured, whatever the declared one."""

HEADLINE = ("test.interval.*", "*.rmse.after", "*.worsened", "calibration.slope")
"""Names of the numbers of `headline.json`."""


class LevelCoverage(NamedTuple):
    """How many test rows lie in the intervals of a level.

    Attributes:
        level: of the intervals.
        share: of the rows, with Wilson interval.
        noise: half the width of what a perfect interval shows on as many rows.
        rows: how many were measured.
    """

    level: float
    share: Interval
    noise: float
    rows: int


def write_report(
    report: Path,
    metrics: Mapping[str, Any],
    interval: ScoreInterval,
    calibration: ScorePredictions,
    test: ScorePredictions,
) -> None:
    """Write `reliability.tsv`, `risk_coverage.tsv`, the folder `plots`, `headline.json`, last `metrics.json`.

    Args:
        report: folder to write to.
        metrics: content of `metrics.json`.
        interval: the calibrator.
        calibration: what it was fitted on.
        test: what it is reported on.
    """
    found = list(coverages(interval, calibration, test))
    write_tsv(report / "reliability.tsv", RELIABILITY_COLUMNS, [_row(*one) for one in enumerate(found)])
    rmse = metrics["test"]["rmse"]
    risks = [(when, 1.0, round(rmse[when] ** 2, 6)) for when in ("before", "after")]
    write_tsv(report / "risk_coverage.tsv", RISK_COLUMNS, risks)
    with new_folder(report / "plots") as plots, drawing():
        shares, noise = [one.share.value for one in found], [one.noise for one in found]
        save_png(coverage_figure(LEVELS, shares, noise, "intervals, test"), plots / "reliability.png")
        scores = interval.corrected(test.scores)
        save_png(
            score_figure(scores, test.labels, "as calibrated, test", interval.radius), plots / "scores.png"
        )
    write_headline(report, metrics, HEADLINE)
    write_json(report / "metrics.json", round_floats(dict(metrics)))


def coverages(
    interval: ScoreInterval, calibration: ScorePredictions, test: ScorePredictions
) -> Iterator[LevelCoverage]:
    """Intervals of each of `LEVELS`, with the residuals of the calibration rows as their radii."""
    residuals = calibration.labels - interval.corrected(calibration.scores)
    scores = interval.corrected(test.scores)
    for level in LEVELS:
        radius = conformal_radius(residuals, level)
        covered = coverage(scores, test.labels, radius, level)
        share = wilson_interval(int(covered.hits.sum()), len(test.ids), confidence=0.95)
        yield LevelCoverage(level, share, covered.noise, len(test.ids))


def _row(number: int, one: LevelCoverage) -> tuple[object, ...]:
    band = (max(0.0, one.level - one.noise), min(1.0, one.level + one.noise))
    values = (one.level, one.level, one.level, one.share.value, one.share.low, one.share.high, *band)
    return "after", number, *(round(float(value), 6) for value in np.array(values)), one.rows
