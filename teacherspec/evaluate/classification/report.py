"""What the stage writes for people and for `dvc metrics` and `dvc plots`."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from teacherspec.evaluate import robustness, slices
from teacherspec.evaluate.classification import label_errors
from teacherspec.evaluate.classification.analysis import Analysis
from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.classification.metrics import CLASS_COLUMNS, class_rows, confusion_rows
from teacherspec.metrics.calibration import ece_noise_floor, expected_calibration_error
from teacherspec.metrics.classification import confusion_matrix, per_class
from teacherspec.metrics.intervals import wilson_interval
from teacherspec.metrics.reliability import reliability_bins
from teacherspec.metrics.selective_prediction import RiskCoverage, risk_coverage
from teacherspec.plots.confusion import confusion_figure
from teacherspec.plots.learning_curves import Learning, learning_figure
from teacherspec.plots.per_class_recall import ClassRecall, recall_figure
from teacherspec.plots.reliability import ReliabilityPanel, reliability_figure
from teacherspec.plots.risk_coverage import RiskLine, risk_coverage_figure
from teacherspec.plots.style import BEFORE, MUTED, RIGHT, drawing, png, save_png
from teacherspec.runtime.atomic_io import read_json, round_floats, write_json, write_tsv

RISK_COLUMNS = ("split", "coverage", "risk")

RISK_POINTS = 100
"""Points of a risk-coverage curve in the table: more cannot be told apart in a plot."""

LINE_COLOURS = (RIGHT, BEFORE, "#3b8a5a", "#8b5fb0", MUTED)
"""Colours of the test split and the shifted sets, in turn."""

PICTURES = ("classes.png", "confusion.png", "risk_coverage.png", "learning.png")


def write_tables(report: Path, analysis: Analysis, confidence: float) -> None:
    """Every table, and `metrics.json` and `findings.json`."""
    curves = {
        name: risk_coverage(part.confidence, part.correct) for name, part in _reported(analysis).items()
    }
    test, names = analysis.test, analysis.test.label_names
    write_json(report / "metrics.json", round_floats(dict(analysis.metrics)))
    write_json(report / "findings.json", round_floats([asdict(finding) for finding in analysis.findings]))
    write_tsv(report / "classes.tsv", CLASS_COLUMNS, class_rows(test.predictions, names, confidence))
    write_tsv(report / "confusion.tsv", ("label", "predicted"), confusion_rows(test.predictions, names))
    write_tsv(report / "slices.tsv", slices.COLUMNS, [found.row() for found in analysis.slices])
    write_tsv(report / "robustness.tsv", robustness.COLUMNS, [found.row() for found in analysis.robustness])
    write_tsv(
        report / "label_errors.tsv", label_errors.LABEL_COLUMNS, [found.row() for found in analysis.suspects]
    )
    write_tsv(
        report / "hardest.tsv", label_errors.EXAMPLE_COLUMNS, [found.row() for found in analysis.examples]
    )
    write_tsv(report / "risk_coverage.tsv", RISK_COLUMNS, risk_rows(curves))


def draw(report: Path, analysis: Analysis, finetuned: Path, confidence: float) -> None:
    """Every picture.

    Args:
        report: folder for them.
        analysis: the numbers.
        finetuned: folder that `finetune` left, for its log.
        confidence: level of the intervals.
    """
    test, names = analysis.test, analysis.test.label_names
    matrix = confusion_matrix(test.labels, test.predicted, n_classes=len(names))
    accuracy = wilson_interval(int(test.correct.sum()), len(test), confidence=confidence)
    found = per_class(test.labels, test.predicted, n_classes=len(names), confidence=confidence)
    recalls = [
        ClassRecall(name, quality.support, quality.recall, weak=name in analysis.weak_classes)
        for name, quality in zip(names, found, strict=True)
        if quality.recall is not None
    ]
    lines = [
        RiskLine(name, LINE_COLOURS[i % len(LINE_COLOURS)], risk_coverage(part.confidence, part.correct))
        for i, (name, part) in enumerate(_reported(analysis).items())
    ]
    with drawing():
        save_png(confusion_figure(matrix, names, "Confusions, test"), report / "confusion.png")
        save_png(recall_figure(recalls, accuracy, "Recall by class, test"), report / "classes.png")
        save_png(risk_coverage_figure(lines, "Errors at each coverage"), report / "risk_coverage.png")
        save_png(learning_figure(read_learning(finetuned)), report / "learning.png")


def reliability_picture(test: EvalTable, confidence: float) -> bytes:
    """Accuracy against confidence of the model as it is, as PNG.

    For the page alone: what calibration makes of it, and the table, are reported by the stage `calibrate`.

    Args:
        test: the test split.
        confidence: level of the intervals and of the noise band.
    """
    ece, floor = expected_calibration_error(test.confidence, test.correct), ece_noise_floor(test.confidence)
    panel = ReliabilityPanel(
        title="before calibration, test",
        summary=f"ECE {ece:.4f} (noise floor {floor:.4f}), {len(test):,} rows",
        colour=BEFORE,
        bins=reliability_bins(test.confidence, test.correct, confidence=confidence),
        accuracy=float(test.correct.mean()),
        mean_confidence=float(test.confidence.mean()),
    )
    with drawing():
        return png(reliability_figure([panel]))


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


def _reported(analysis: Analysis) -> dict[str, EvalTable]:
    """The sets that quality is reported on, test first."""
    return {"test": analysis.test, **analysis.shifted}


def risk_rows(curves: Mapping[str, RiskCoverage]) -> Sequence[Sequence[object]]:
    """Rows of `risk_coverage.tsv`: of each curve as many points as can be told apart."""
    return [
        (name, round(float(curve.coverage[at]), 6), round(float(curve.risk[at]), 6))
        for name, curve in curves.items()
        for at in np.unique(np.linspace(0, len(curve.risk) - 1, RISK_POINTS).round().astype(np.int64))
    ]


def leave_empty(report: Path) -> None:
    """The tables of what only classes have: the road lists the same files for every kind of teacher."""
    absent = {
        "classes": CLASS_COLUMNS,
        "confusion": ("label", "predicted"),
        "slices": slices.COLUMNS,
        "robustness": robustness.COLUMNS,
        "label_errors": label_errors.LABEL_COLUMNS,
    }
    for name, columns in absent.items():
        write_tsv(report / f"{name}.tsv", columns, [])
