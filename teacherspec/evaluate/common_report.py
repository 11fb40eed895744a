"""What is written for every type of output: metrics, findings, risk-coverage curves and the training log."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.evaluate.finding import Finding
from teacherspec.metrics.selective_prediction import RiskCoverage
from teacherspec.plots.learning_curves import Learning, learning_figure
from teacherspec.plots.risk_coverage import RiskLine, risk_coverage_figure
from teacherspec.plots.style import BEFORE, MUTED, RIGHT, drawing, save_png
from teacherspec.runtime.atomic_io import read_json, round_floats, write_json, write_tsv
from teacherspec.runtime.headline_metrics import write_headline

HEADLINE = (
    "*.accuracy", "*.f1", "*.rmse", "*.pearson", "gain.*", "loss_ratio", "test.nll", "test.macro_f1",
    "test.nll_per_answer",
    "test.perplexity", "test.generated.exact_match", "test.generated.chrf",
    "test.*.recall_at_1", "seeds.test.*_sd", "test.subset_accuracy", "test.micro_f1",
    "test.mean_average_precision",
)  # fmt: skip
"""Names of the numbers of `headline.json`."""

RISK_COLUMNS = ("split", "coverage", "risk")

RISK_POINTS = 100
"""Points of a risk-coverage curve in the table: a plot shows no more."""

LINE_COLOURS = (RIGHT, BEFORE, "#3b8a5a", "#8b5fb0", MUTED)
"""Colours of the curves, in turn."""


def write_metrics(report: Path, metrics: Mapping[str, Any], findings: Sequence[Finding]) -> None:
    """Write `metrics.json`, `headline.json` and `findings.json`, rounded."""
    write_json(report / "metrics.json", round_floats(dict(metrics)))
    write_headline(report, metrics, HEADLINE)
    write_json(report / "findings.json", round_floats([asdict(finding) for finding in findings]))


def write_risk_coverage(report: Path, curves: Mapping[str, RiskCoverage]) -> None:
    """Write `risk_coverage.tsv`.

    Args:
        report: folder of the reports.
        curves: name → curve.
    """
    rows = [
        (name, round(float(curve.coverage[at]), 6), round(float(curve.risk[at]), 6))
        for name, curve in curves.items()
        for at in np.unique(np.linspace(0, len(curve.risk) - 1, RISK_POINTS).round().astype(np.int64))
    ]
    write_tsv(report / "risk_coverage.tsv", RISK_COLUMNS, rows)


def draw_risk_coverage(plots: Path, curves: Mapping[str, RiskCoverage], title: str) -> None:
    """Write `risk_coverage.png`.

    Args:
        plots: folder of the plots.
        curves: name → curve.
        title: of the picture.
    """
    lines = [
        RiskLine(name, LINE_COLOURS[i % len(LINE_COLOURS)], curve)
        for i, (name, curve) in enumerate(curves.items())
    ]
    with drawing():
        save_png(risk_coverage_figure(lines, title), plots / "risk_coverage.png")


def draw_learning_curves(plots: Path, finetuned: Path) -> None:
    """Write `learning_curves.png` from the log that `finetune` left."""
    with drawing():
        save_png(learning_figure(read_learning(finetuned)), plots / "learning_curves.png")


def read_learning(finetuned: Path) -> Learning:
    """The log of the training that `finetune` left."""
    steps, evaluations = (_columns(finetuned / "log" / name) for name in ("steps.tsv", "evaluations.tsv"))
    return Learning(
        step_epoch=steps["epoch"],
        step_loss=steps["loss"],
        epoch=evaluations["epoch"],
        nll=evaluations["nll"],
        accuracy=evaluations["accuracy"],
        best_epoch=read_json(finetuned / "training.json")["best_epoch"],
    )


def _columns(path: Path) -> dict[str, list[float]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}
