"""The tables and plots that the stage writes for every output type, and `metrics.json`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from teacherspec.calibrate.result import Calibrated, TopLabel
from teacherspec.calibrators.fitted import Calibrator, Temperature
from teacherspec.metrics.reliability import ReliabilityBin, reliability_bins
from teacherspec.metrics.selective_prediction import RiskCoverage, risk_coverage
from teacherspec.plots.reliability import ReliabilityPanel, reliability_figure
from teacherspec.plots.risk_coverage import RiskLine, risk_coverage_figure
from teacherspec.plots.style import AFTER, BEFORE, drawing, save_png
from teacherspec.runtime.atomic_io import new_folder, round_floats, write_json, write_tsv
from teacherspec.runtime.headline_metrics import write_headline
from teacherspec.spec.calibrate import Calibrate

RELIABILITY_COLUMNS = (
    "stage", "bin", "lower", "upper", "confidence", "accuracy", "accuracy_low", "accuracy_high",
    "band_low", "band_high", "count",
)  # fmt: skip
HEADLINE = (
    "calibration.temperature", "calibration.fitted", "test.ece.before", "*.ece.after", "*.nll.after",
    "*.worsened", "*.max_probability.after.auroc", "test.abstention.*",
    "*.classwise_ece.after", "test.thresholds.*", "test.spans.ece.*",
)  # fmt: skip
"""Names of the numbers of `headline.json`."""

RISK_COLUMNS = ("stage", "coverage", "risk")

RISK_POINTS = 100
"""Points of the risk-coverage curve in the table: a plot shows no more."""

COLOURS = {"before": BEFORE, "after": AFTER}

Bins = Mapping[str, tuple[ReliabilityBin, ...]]
"""Bins of the test split, `before` and `after` calibration."""


def write_report(report: Path, result: Calibrated, section: Calibrate) -> None:
    """Write `reliability.tsv`, `risk_coverage.tsv`, the folder `plots`, `headline.json`, last `metrics.json`.

    `plots` holds `reliability.png`, `risk_coverage.png` and the tables of the output type.

    Args:
        report: folder to write to.
        result: of the calibration.
        section: bins and level.
    """
    bins = {
        when: reliability_bins(
            scored.confidences, scored.correct, n_bins=section.n_bins, confidence=section.confidence
        )
        for when, scored in result.scored.items()
    }
    write_tsv(report / "reliability.tsv", RELIABILITY_COLUMNS, list(_reliability_rows(bins)))
    curves = {**result.scored, **result.risk_curves}
    write_tsv(report / "risk_coverage.tsv", RISK_COLUMNS, list(_risk_rows(curves)))
    with new_folder(report / "plots") as plots:
        for name, table in result.tables.items():
            write_tsv(plots / name, table.columns, table.rows)
        _draw(plots, result, bins)
    write_headline(report, result.metrics, HEADLINE)
    write_json(report / "metrics.json", round_floats(dict(result.metrics)))


def _reliability_rows(bins: Bins) -> Iterator[tuple[object, ...]]:
    for when, of_stage in bins.items():
        for number, one in enumerate(of_stage):
            values = (
                one.lower, one.upper, one.confidence, one.accuracy.value, one.accuracy.low,
                one.accuracy.high, one.band_low, one.band_high,
            )  # fmt: skip
            yield when, number, *(round(value, 6) for value in values), one.count


def _risk_rows(curves: Mapping[str, TopLabel]) -> Iterator[tuple[object, ...]]:
    for name, scored in curves.items():
        curve = risk_coverage(scored.confidences, scored.correct)
        for point in np.unique(np.linspace(0, len(curve.risk) - 1, RISK_POINTS).round().astype(np.int64)):
            yield name, round(float(curve.coverage[point]), 6), round(float(curve.risk[point]), 6)


def _draw(folder: Path, result: Calibrated, bins: Bins) -> None:
    """`reliability.png` and `risk_coverage.png` of the test split, before and after."""
    measured = result.metrics[result.test]
    titles = {
        "before": "before calibration",
        "after": f"after calibration: {_description(result.fitted.calibrator)}",
    }
    panels, lines = [], []
    for when, scored in result.scored.items():
        ece, nll = measured["ece"], measured["nll"][when]["value"]
        panels.append(
            ReliabilityPanel(
                title=titles[when],
                summary=(
                    f"ECE {ece[when]['value']:.4f} (noise floor {ece[f'floor_{when}']:.4f}), "
                    f"NLL {nll:.4f}, {measured['rows']:,} rows"
                ),
                colour=COLOURS[when],
                bins=bins[when],
                accuracy=float(scored.correct.mean()),
                mean_confidence=float(scored.confidences.mean()),
            )
        )
        label = f"{when} (AURC {measured['aurc'][when]:.4f})"
        curve: RiskCoverage = risk_coverage(scored.confidences, scored.correct)
        lines.append(RiskLine(label, COLOURS[when], curve))
    with drawing():
        save_png(reliability_figure(panels), folder / "reliability.png")
        save_png(risk_coverage_figure(lines, "errors at each coverage, test"), folder / "risk_coverage.png")


def _description(calibrator: Calibrator) -> str:
    """The kind in words, with the temperature where there is one."""
    if isinstance(calibrator, Temperature):
        return f"T = {calibrator.temperature:.3f}"
    return calibrator.kind.replace("_", " ")
