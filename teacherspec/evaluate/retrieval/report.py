"""What the evaluation of retrieval writes for people and for `dvc metrics` and `dvc plots`.

The road lists the same files for every kind of teacher; tables of what only classes have stay empty.
"""

from collections.abc import Mapping
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
from teacherspec.evaluate.retrieval.findings import findings
from teacherspec.evaluate.retrieval.metrics import DIRECTIONS, hardest
from teacherspec.metrics.calibration import top_label_confidence
from teacherspec.metrics.retrieval import Ranks, candidate_sets, image_to_text
from teacherspec.metrics.selective_prediction import RiskCoverage, risk_coverage
from teacherspec.metrics.softmax import softmax
from teacherspec.plots.learning_curves import learning_figure
from teacherspec.plots.retrieval import rank_figure, similarity_figure
from teacherspec.plots.risk_coverage import RiskLine, risk_coverage_figure
from teacherspec.plots.style import drawing, save_png
from teacherspec.predictions.retrieval import Comparison, EmbeddingPredictions
from teacherspec.runtime.atomic_io import round_floats, write_json, write_tsv

HARDEST_COLUMNS = ("id", "rank", "candidates", "text")
HARDEST_SHOWN = 20


@dataclass(frozen=True)
class RetrievalAnalysis:
    """What is reported.

    Attributes:
        metrics: content of `metrics.json`.
        found: predictions of the test split, and of the shifted sets after it.
        comparison: how cosines become logits.
        texts: id of a test row → its text.
    """

    metrics: Mapping[str, Any]
    found: Mapping[str, EmbeddingPredictions]
    comparison: Comparison
    texts: Mapping[str, str]

    @property
    def test(self) -> EmbeddingPredictions:
        """Predictions of the test split."""
        return self.found["test"]

    def ranks(self) -> dict[str, Ranks]:
        """Direction → what its queries of the test split found."""
        asked = (self.test.pairs, self.test.pairs.swapped())
        return dict(zip(DIRECTIONS, map(image_to_text, asked), strict=True))


def write_tables(report: Path, analysis: RetrievalAnalysis) -> None:
    """Every table, and `metrics.json` and `findings.json`."""
    write_json(report / "metrics.json", round_floats(dict(analysis.metrics)))
    write_json(report / "findings.json", round_floats([asdict(one) for one in findings(analysis.metrics)]))
    ranks = analysis.ranks()["image_to_text"]
    _, of = np.unique(analysis.test.image_of, return_inverse=True)
    rows = []
    for place in hardest(analysis.test)[:HARDEST_SHOWN]:
        name = analysis.test.ids[place]
        text = " ".join(analysis.texts[name].split())
        rows.append((name, int(ranks.rank[of.reshape(-1)[place]]), ranks.candidates, text))
    write_tsv(report / "hardest.tsv", HARDEST_COLUMNS, rows)
    write_tsv(report / "risk_coverage.tsv", RISK_COLUMNS, risk_rows(_curves(analysis)))
    leave_empty(report)


def draw(report: Path, analysis: RetrievalAnalysis, finetuned: Path) -> None:
    """Every picture; those of classes show recall and cosines instead."""
    lines = [
        RiskLine(name, LINE_COLOURS[at % len(LINE_COLOURS)], curve)
        for at, (name, curve) in enumerate(_curves(analysis).items())
    ]
    size = analysis.comparison.candidate_set_size
    cosines = candidate_sets(analysis.test.pairs, size, analysis.comparison.seed)
    with drawing():
        save_png(rank_figure(analysis.ranks(), "Recall at k, test"), report / "classes.png")
        save_png(
            similarity_figure(cosines[:, -1], cosines[:, :-1].reshape(-1), "Cosines, test"),
            report / "confusion.png",
        )
        title = f"Errors in candidate sets of {size}"
        save_png(risk_coverage_figure(lines, title), report / "risk_coverage.png")
        save_png(learning_figure(read_learning(finetuned)), report / "learning.png")


def _curves(analysis: RetrievalAnalysis) -> dict[str, RiskCoverage]:
    """Errors against coverage of candidate sets, image to text."""
    comparison, curves = analysis.comparison, {}
    for name, found in analysis.found.items():
        logits = comparison.logit_scale * candidate_sets(
            found.pairs, comparison.candidate_set_size, comparison.seed
        )
        labels = np.full(len(logits), comparison.candidate_set_size - 1)
        curves[name] = risk_coverage(*top_label_confidence(softmax(logits), labels))
    return curves
