"""What the evaluation of a language model writes for people and for `dvc metrics` and `dvc plots`.

The road lists the same files for every kind of teacher; tables of what only classes have stay empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.evaluate.classification.report import (
    LINE_COLOURS,
    RISK_COLUMNS,
    leave_empty,
    read_learning,
    risk_rows,
)
from teacherspec.evaluate.generation.findings import findings
from teacherspec.evaluate.generation.metrics import hardest, token_confidence
from teacherspec.metrics.beta_grid import GRID
from teacherspec.metrics.selective_prediction import RiskCoverage, risk_coverage
from teacherspec.plots.generation import length_figure, position_figure
from teacherspec.plots.learning_curves import learning_figure
from teacherspec.plots.risk_coverage import RiskLine, risk_coverage_figure
from teacherspec.plots.style import drawing, save_png
from teacherspec.predictions.generation import Answer, TokenPredictions
from teacherspec.runtime.atomic_io import round_floats, write_json, write_tsv

HARDEST_COLUMNS = ("id", "tokens", "nll", "prompt", "answer")
HARDEST_SHOWN = 20
POSITIONS = 64
"""Places of an answer in the picture of its losses."""


@dataclass(frozen=True)
class TokenAnalysis:
    """What is reported.

    Attributes:
        metrics: content of `metrics.json`.
        test: predictions of the test split.
        texts: id of a test row → its prompt and answer.
        answers: the model's own to test prompts.
    """

    metrics: Mapping[str, Any]
    test: TokenPredictions
    texts: Mapping[str, tuple[str, str]]
    answers: Sequence[Answer]


def write_tables(report: Path, analysis: TokenAnalysis) -> None:
    """Every table, and `metrics.json` and `findings.json`."""
    write_json(report / "metrics.json", round_floats(dict(analysis.metrics)))
    write_json(report / "findings.json", round_floats([asdict(one) for one in findings(analysis.metrics)]))
    found = [
        tuple(" ".join(cell.split()) if isinstance(cell, str) else cell for cell in row)
        for row in hardest(analysis.test, analysis.texts, HARDEST_SHOWN)
    ]
    write_tsv(report / "hardest.tsv", HARDEST_COLUMNS, found)
    write_tsv(report / "risk_coverage.tsv", RISK_COLUMNS, risk_rows(_curves(analysis)))
    leave_empty(report)


def draw(report: Path, analysis: TokenAnalysis, finetuned: Path) -> None:
    """Every picture; those of classes show places in the answer and lengths instead."""
    test = analysis.test
    lines = [
        RiskLine(name, LINE_COLOURS[at], curve) for at, (name, curve) in enumerate(_curves(analysis).items())
    ]
    place = np.concatenate([np.arange(count) for count in test.tokens])
    losses = [test.nll()[place == at] for at in range(min(POSITIONS, int(test.tokens.max())))]
    lengths = [
        (
            min((len(text) for text in one.references), key=lambda size: abs(size - len(one.text))),
            len(one.text),
        )
        for one in analysis.answers
    ]
    with drawing():
        save_png(position_figure(losses, "Loss by place in the answer, test"), report / "classes.png")
        save_png(length_figure(lengths, "Lengths of answers, test"), report / "confusion.png")
        save_png(risk_coverage_figure(lines, "Errors at each coverage"), report / "risk_coverage.png")
        save_png(learning_figure(read_learning(finetuned)), report / "learning.png")


def _curves(analysis: TokenAnalysis) -> dict[str, RiskCoverage]:
    """Errors against coverage: of tokens, and of whole answers by their length-normalised probability."""
    at_one = int(np.flatnonzero(GRID == 1.0)[0])
    sure = np.exp([min(0.0, one.log_prob[at_one]) for one in analysis.answers])
    return {
        "tokens": risk_coverage(token_confidence(analysis.test), analysis.test.hit),
        "answers": risk_coverage(sure, [one.correct for one in analysis.answers]),
    }
