"""The tables and pictures of retrieval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.evaluate.common_report import draw_learning_curves, draw_risk_coverage, write_risk_coverage
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.finding import Finding
from teacherspec.evaluate.retrieval.metrics import DIRECTIONS, hardest
from teacherspec.metrics.calibration import top_label_confidence
from teacherspec.metrics.scores.retrieval import Ranks, candidate_sets, image_to_text
from teacherspec.metrics.scores.softmax import softmax
from teacherspec.metrics.selective_prediction import RiskCoverage, risk_coverage
from teacherspec.plots.retrieval import rank_figure, similarity_figure
from teacherspec.plots.style import drawing, save_png
from teacherspec.predictions.retrieval import Comparison, EmbeddingPredictions
from teacherspec.runtime.atomic_io import new_folder, write_tsv

HARDEST_COLUMNS = ("id", "rank", "candidates", "text")
HARDEST_SHOWN = 20
NEAREST_COLUMNS = ("id", "text", "rank", "nearest", "cosine", "right")

SHOWN = 12
"""Images whose nearest texts are listed: half of them the hardest, half spread evenly."""

NEAREST = 3
"""Texts listed of each image."""


@dataclass(frozen=True)
class RetrievalAnalysis:
    """What is reported.

    Attributes:
        metrics: content of `metrics.json`.
        findings: sentences.
        predictions: of the test split, and of the shifted sets after it.
        comparison: how cosines become logits.
        texts: id of a test row → its text.
    """

    metrics: Mapping[str, Any]
    findings: Sequence[Finding]
    predictions: Mapping[str, EmbeddingPredictions]
    comparison: Comparison
    texts: Mapping[str, str]

    @property
    def test(self) -> EmbeddingPredictions:
        """Predictions of the test split."""
        return self.predictions["test"]

    def ranks(self) -> dict[str, Ranks]:
        """Direction → ranks of the nearest right candidates of its test queries."""
        queries = (self.test.pairs, self.test.pairs.swapped())
        return dict(zip(DIRECTIONS, map(image_to_text, queries), strict=True))


def write_plots(paths: Paths, analysis: RetrievalAnalysis) -> None:
    """Write `risk_coverage.tsv` and create the folder of plots."""
    title = f"Errors in candidate sets of {analysis.comparison.candidate_set_size}"
    curves = _curves(analysis)
    write_risk_coverage(paths.report, curves)
    with new_folder(paths.plots) as folder:
        write_tsv(folder / "hardest.tsv", HARDEST_COLUMNS, _hardest_rows(analysis))
        write_tsv(folder / "nearest.tsv", NEAREST_COLUMNS, _nearest_rows(analysis))
        _draw(folder, analysis)
        draw_risk_coverage(folder, curves, title)
        draw_learning_curves(folder, paths.finetuned)


def _hardest_rows(analysis: RetrievalAnalysis) -> list[tuple[object, ...]]:
    """The images whose nearest right text ranks last, in the order of `HARDEST_COLUMNS`."""
    test, ranks = analysis.test, analysis.ranks()["image_to_text"]
    _, image = np.unique(test.image_of, return_inverse=True)
    rows: list[tuple[object, ...]] = []
    for place in hardest(test)[:HARDEST_SHOWN]:
        name = test.ids[place]
        rank = int(ranks.rank[image.reshape(-1)[place]])
        rows.append((name, rank, ranks.candidates, _line(analysis, name)))
    return rows


def _nearest_rows(analysis: RetrievalAnalysis) -> list[tuple[object, ...]]:
    """Some images with the texts nearest to them, in the order of `NEAREST_COLUMNS`."""
    test = analysis.test
    spread = np.linspace(0, len(test.ids) - 1, SHOWN).round().astype(int)
    places = list(dict.fromkeys([*hardest(test)[: SHOWN // 2].tolist(), *spread.tolist()]))[:SHOWN]
    texts, first = np.unique(test.text_of, return_index=True)
    ranks = analysis.ranks()["image_to_text"]
    _, image = np.unique(test.image_of, return_inverse=True)
    rows: list[tuple[object, ...]] = []
    for place in places:
        cosines = test.texts[first] @ test.images[place]
        right = set(test.text_of[test.image_of == test.image_of[place]].tolist())
        name, rank = test.ids[place], int(ranks.rank[image.reshape(-1)[place]])
        for at in np.argsort(-cosines, kind="stable")[:NEAREST]:
            found = (_line(analysis, test.ids[first[at]]), round(float(cosines[at]), 6))
            rows.append((name, _line(analysis, name), rank, *found, str(int(texts[at]) in right).lower()))
    return rows


def _line(analysis: RetrievalAnalysis, name: str) -> str:
    return " ".join(analysis.texts[name].split())


def _draw(folder: Path, analysis: RetrievalAnalysis) -> None:
    """Recall at k, and cosines of right and wrong pairs."""
    comparison = analysis.comparison
    cosines = candidate_sets(analysis.test.pairs, comparison.candidate_set_size, comparison.seed)
    with drawing():
        save_png(rank_figure(analysis.ranks(), "Recall at k, test"), folder / "recall_at_k.png")
        figure = similarity_figure(cosines[:, -1], cosines[:, :-1].reshape(-1), "Cosines, test")
        save_png(figure, folder / "cosines.png")


def _curves(analysis: RetrievalAnalysis) -> dict[str, RiskCoverage]:
    """Errors against coverage of candidate sets, image to text."""
    comparison, curves = analysis.comparison, {}
    size = comparison.candidate_set_size
    for name, part in analysis.predictions.items():
        logits = comparison.logit_scale * candidate_sets(part.pairs, size, comparison.seed)
        labels = np.full(len(logits), size - 1)
        curves[name] = risk_coverage(*top_label_confidence(softmax(logits), labels))
    return curves
