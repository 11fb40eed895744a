"""The tables and pictures of classification."""

from pathlib import Path

from teacherspec.evaluate import robustness, slices
from teacherspec.evaluate.classification import label_errors
from teacherspec.evaluate.classification.analysis import Analysis
from teacherspec.evaluate.classification.metrics import CLASS_COLUMNS, class_rows, confusion_rows
from teacherspec.evaluate.common_report import draw_learning_curves, draw_risk_coverage, write_risk_coverage
from teacherspec.evaluate.context import Paths
from teacherspec.metrics.scores.classification import confusion_matrix, per_class
from teacherspec.metrics.scores.intervals import wilson_interval
from teacherspec.metrics.selective_prediction import risk_coverage
from teacherspec.plots.confusion import confusion_figure
from teacherspec.plots.per_class_recall import ClassRecall, recall_figure
from teacherspec.plots.style import drawing, save_png
from teacherspec.runtime.atomic_io import new_folder, write_tsv


def write_plots(paths: Paths, analysis: Analysis, confidence: float) -> None:
    """Write `risk_coverage.tsv` and create the folder of plots.

    Args:
        paths: of the stage.
        analysis: the numbers.
        confidence: level of the intervals.
    """
    reported = {"test": analysis.test, **analysis.shifted}
    curves = {name: risk_coverage(table.confidence, table.correct) for name, table in reported.items()}
    write_risk_coverage(paths.report, curves)
    with new_folder(paths.plots) as folder:
        _write_tables(folder, analysis, confidence)
        _draw(folder, analysis, confidence)
        draw_risk_coverage(folder, curves, "Errors at each coverage")
        draw_learning_curves(folder, paths.finetuned)


def _write_tables(folder: Path, analysis: Analysis, confidence: float) -> None:
    """Slices and perturbations only where some were measured: both can be declared to be none."""
    test, names = analysis.test, analysis.test.label_names
    write_tsv(folder / "classes.tsv", CLASS_COLUMNS, class_rows(test.predictions, names, confidence))
    write_tsv(folder / "confusion.tsv", ("label", "predicted"), confusion_rows(test.predictions, names))
    if analysis.slices:
        write_tsv(folder / "slices.tsv", slices.COLUMNS, [one.row() for one in analysis.slices])
    if analysis.robustness:
        rows = [one.row() for one in analysis.robustness]
        write_tsv(folder / "robustness.tsv", robustness.COLUMNS, rows)
    suspects = [one.row() for one in analysis.suspects[: label_errors.LISTED]]
    write_tsv(folder / "label_errors.tsv", label_errors.LABEL_COLUMNS, suspects)
    examples = [one.row() for one in analysis.examples]
    write_tsv(folder / "hardest.tsv", label_errors.EXAMPLE_COLUMNS, examples)


def _draw(folder: Path, analysis: Analysis, confidence: float) -> None:
    """The confusions and the recall of each class."""
    test, names = analysis.test, analysis.test.label_names
    matrix = confusion_matrix(test.labels, test.predicted, n_classes=len(names))
    accuracy = wilson_interval(int(test.correct.sum()), len(test), confidence=confidence)
    by_class = per_class(test.labels, test.predicted, n_classes=len(names), confidence=confidence)
    recalls = [
        ClassRecall(name, quality.support, quality.recall, weak=name in analysis.weak_classes)
        for name, quality in zip(names, by_class, strict=True)
        if quality.recall is not None
    ]
    with drawing():
        save_png(confusion_figure(matrix, names, "Confusions, test"), folder / "confusion.png")
        save_png(recall_figure(recalls, accuracy, "Recall by class, test"), folder / "classes.png")
