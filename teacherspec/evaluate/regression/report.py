"""Tables and pictures of scores: the rows with the largest errors, and scores against labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from teacherspec.evaluate.common_report import RISK_COLUMNS
from teacherspec.evaluate.context import EvaluationContext
from teacherspec.plots.regression import score_figure
from teacherspec.plots.style import drawing, save_png
from teacherspec.predictions.regression import ScorePredictions
from teacherspec.runtime.atomic_io import new_folder, write_tsv

HARDEST = 50
"""Test rows with the largest errors that are listed."""

HARDEST_COLUMNS = ("id", "label", "score", "error", "text")


def write_tables(
    context: EvaluationContext, reported: Mapping[str, ScorePredictions], metrics: Mapping[str, Any]
) -> None:
    """`risk_coverage.tsv`, of which scores have one point alone, and the folder `plots`."""
    risks = [(name, 1.0, round(metrics[name]["mse"]["value"], 6)) for name in reported]
    write_tsv(context.paths.report / "risk_coverage.tsv", RISK_COLUMNS, risks)
    with new_folder(context.paths.plots) as plots:
        write_tsv(plots / "hardest.tsv", HARDEST_COLUMNS, _hardest(context, reported["test"]))
        with drawing():
            test = reported["test"]
            save_png(score_figure(test.scores, test.labels, "test"), plots / "scores.png")


def _hardest(context: EvaluationContext, test: ScorePredictions) -> list[tuple[object, ...]]:
    """The test rows with the largest errors."""
    errors = test.scores.astype(np.float64) - test.labels
    worst = np.argsort(-np.abs(errors), kind="stable")[:HARDEST].tolist()
    rows = context.splits["test"].select(worst)
    content = context.task.row_schema().content
    texts = [" | ".join(column.text(row[column.name]) for column in content) for row in rows]
    return [
        (test.ids[at], *(round(float(one[at]), 4) for one in (test.labels, test.scores, errors)),
         " ".join(text.split()))
        for at, text in zip(worst, texts, strict=True)
    ]  # fmt: skip
