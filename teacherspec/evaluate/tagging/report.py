"""The tables and pictures of token classification."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.evaluate.common_report import draw_learning_curves, draw_risk_coverage, write_risk_coverage
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.finding import Finding
from teacherspec.evaluate.tagging.metrics import TYPE_COLUMNS, scores_of
from teacherspec.metrics.scores.entity_scores import entities_of_rows
from teacherspec.metrics.scores.entity_tags import Entity
from teacherspec.metrics.selective_prediction import RiskCoverage, risk_coverage
from teacherspec.plots.per_class_recall import ClassRecall, recall_figure
from teacherspec.plots.style import drawing, save_png
from teacherspec.predictions.tagging import TagPredictions
from teacherspec.runtime.atomic_io import new_folder, write_tsv
from teacherspec.tasks.shared.tagging_task import Words

ERROR_COLUMNS = ("id", "error", "labelled", "predicted", "text")
ERRORS_SHOWN = 60


@dataclass(frozen=True)
class TagAnalysis:
    """What is reported.

    Attributes:
        metrics: content of `metrics.json`.
        findings: sentences.
        types: rows of `types.tsv`.
        predictions: of the test split, and of the shifted sets after it.
        names: of the tags.
        words: id of a test row → its words.
    """

    metrics: Mapping[str, Any]
    findings: Sequence[Finding]
    types: Sequence[Sequence[Any]]
    predictions: Mapping[str, TagPredictions]
    names: Sequence[str]
    words: Mapping[str, Words]


def write_plots(paths: Paths, analysis: TagAnalysis) -> None:
    """Write `risk_coverage.tsv` and create the folder of plots."""
    curves: dict[str, RiskCoverage] = {}
    for name, part in analysis.predictions.items():
        scored = scores_of(part)
        curves[name] = risk_coverage(scored.confidences, scored.correct)
    write_risk_coverage(paths.report, curves)
    with new_folder(paths.plots) as folder:
        write_tsv(folder / "types.tsv", TYPE_COLUMNS, analysis.types)
        write_tsv(folder / "errors.tsv", ERROR_COLUMNS, list(_errors(analysis))[:ERRORS_SHOWN])
        _draw(folder, analysis)
        draw_risk_coverage(folder, curves, "Errors of words at each coverage")
        draw_learning_curves(folder, paths.finetuned)


def _draw(folder: Path, analysis: TagAnalysis) -> None:
    from teacherspec.metrics.scores.intervals import Interval

    recall = Interval(**analysis.metrics["test"]["recall"])
    of_types = [
        ClassRecall(
            str(row[0]), int(row[1]), Interval(*map(float, row[-3:])), weak=float(row[-1]) < recall.low
        )
        for row in analysis.types
        if row[1]
    ]
    with drawing():
        save_png(recall_figure(of_types, recall, "Recall by type of entity, test"), folder / "types.png")


def _errors(analysis: TagAnalysis) -> Iterator[tuple[object, ...]]:
    """Each entity of test that is missed, invented, of another type or another span, by row."""
    test = analysis.predictions["test"]
    pairs = zip(
        test.ids,
        entities_of_rows(test.words, test.tags, analysis.names),
        entities_of_rows(test.words, test.predicted(), analysis.names),
        strict=True,
    )
    for name, labelled, predicted in pairs:
        words = analysis.words[name]
        line = " ".join(words.text.split())
        wrong = [one for one in predicted if one not in labelled]
        for entity in labelled:
            if entity not in predicted:
                near = next((one for one in wrong if _overlap(entity, one)), None)
                shown = "" if near is None else _shown(near, words)
                yield name, _kind(entity, near), _shown(entity, words), shown, line
        for one in wrong:
            if not any(_overlap(one, entity) for entity in labelled):
                yield name, "invented", "", _shown(one, words), line


def _overlap(one: Entity, other: Entity) -> bool:
    return one.first < other.end and other.first < one.end


def _kind(entity: Entity, near: Entity | None) -> str:
    if near is None:
        return "missed"
    return "other type" if entity[:2] == near[:2] else "other span"


def _shown(entity: Entity, words: Words) -> str:
    text = words.text[words.spans[entity.first][0] : words.spans[entity.end - 1][1]]
    return f"{' '.join(text.split())} ({entity.type})"
