"""Compare two taggers on the same rows: entities, words, and rows all of whose entities are right."""

from collections.abc import Iterator, Sequence

import numpy as np

from teacherspec.calibrators.tag_temperature import word_confidence
from teacherspec.compare.cluster_tests import clustered_tests
from teacherspec.compare.flips_and_slices import Flip, Flips, flipped
from teacherspec.compare.paired_predictions import Sides, positions_of
from teacherspec.compare.paired_tests import Hits, PairedTest, Statistics, resampled
from teacherspec.compare.prediction_diff import PredictionDiff, SplitDiff, compare_splits
from teacherspec.metrics.cluster_bootstrap import ClusteredScores, score_clusters
from teacherspec.metrics.scores.entity_scores import (
    count_entities,
    entities_of_rows,
    f1_of,
    macro_f1_of,
    precision_of,
    recall_of,
)
from teacherspec.metrics.scores.entity_tags import Entity
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.predictions.tagging import TagPredictions, load_tag_predictions
from teacherspec.tasks.shared.tagging_task import TaggingTask, Words

METRICS = ("f1", "precision", "recall", "macro_f1")


def compare_predictions(sides: Sides, not_compared: list[str]) -> PredictionDiff:
    """Tests of entities and words, rows resampled in pairs; flips of rows.

    Args:
        sides: whose predictions are tags of words.
        not_compared: gets a sentence for everything that cannot be compared.
    """

    def compare(split: str, before: TagPredictions, after: TagPredictions, ids: list[str]) -> SplitDiff:
        rows = [one.select(positions_of(one.ids, ids)) for one in (before, after)]
        tests = list(_entity_tests(sides, split, rows))
        if np.array_equal(rows[0].read, rows[1].read):
            tests += _word_tests(sides, split, rows)
        else:
            not_compared.append(
                f"split {split}: the two sides read other words of the rows (another tokenizer or "
                "task.max_length); "
                "only entities can be compared"
            )
        found = [_spelt(side.index.label_names, one) for side, one in zip(sides.both, rows, strict=True)]
        labelled = [one[0] for one in found]
        right = [
            np.array([own == given for own, given in zip(one[1], labelled[1], strict=True)]) for one in found
        ]
        hits = right[0], right[1]
        flips = _flips(sides, split, rows, found, hits)
        return SplitDiff(tests, flips, (ids, *hits))

    return compare_splits(
        sides, not_compared, lambda side, split: load_tag_predictions(side.predictions, split), compare
    )


Spelt = tuple[list[list[Entity]], list[list[Entity]]]
"""Labelled and predicted entities of each row."""


def _spelt(names: Sequence[str], rows: TagPredictions) -> Spelt:
    return (
        list(entities_of_rows(rows.words, rows.tags, names)),
        list(entities_of_rows(rows.words, rows.predicted(), names)),
    )


def _entity_tests(sides: Sides, split: str, rows: Sequence[TagPredictions]) -> Iterator[PairedTest]:
    names = [f"evaluate.{split}.{metric}" for metric in METRICS]
    before, after = (
        _statistics(count_entities(one.words, one.tags, one.predicted(), side.index.label_names))
        for side, one in zip(sides.both, rows, strict=True)
    )
    yield from resampled(names, before, after, len(rows[0].ids))


def _statistics(counts: IntArray) -> Statistics:
    def numbers(chosen: IntArray) -> FloatArray:
        by_type = counts[chosen].sum(axis=0)
        micro = by_type.sum(axis=0)
        return np.array([f1_of(micro), precision_of(micro), recall_of(micro), macro_f1_of(by_type)])

    return numbers


def _word_tests(sides: Sides, split: str, rows: Sequence[TagPredictions]) -> Iterator[PairedTest]:
    def scores(one: TagPredictions, temperature: float) -> ClusteredScores:
        return score_clusters(one.row, one.logits.astype(np.float64) / temperature, one.labels)

    raw = [scores(one, 1.0) for one in rows]
    calibrated = [scores(one, side.temperature) for one, side in zip(rows, sides.both, strict=True)]
    return clustered_tests(split, raw, calibrated, len(rows[0].ids))


def _flips(
    sides: Sides, split: str, rows: Sequence[TagPredictions], found: Sequence[Spelt], hits: tuple[Hits, Hits]
) -> Flips:
    """Rows all of whose entities are right on one side only; confidence is that of all tags of the row."""
    texts = _texts(sides, split, rows[1].ids)
    confidences = []
    for side, one in zip(sides.both, rows, strict=True):
        of_words = word_confidence(one, side.temperature).log_prob
        row = np.repeat(np.arange(len(one.ids)), one.words)
        confidences.append(np.exp(np.bincount(row, weights=of_words, minlength=len(one.ids))))

    def flip(row: int) -> Flip:
        words = texts[row]
        answers = [(_line(found[at][1][row], words), float(confidences[at][row])) for at in range(len(found))]
        text = "" if words is None else words.text
        return Flip(rows[1].ids[row], text, _line(found[1][0][row], words), answers[0], answers[1])

    return flipped(split, *hits, flip, free_text=True)


def _line(spelt: Sequence[Entity], words: Words | None) -> str:
    """Entities as a person reads them; by the numbers of their words where the text is not available."""

    def text(one: Entity) -> str:
        if words is None:
            return f"words {one.first + 1} to {one.end}"
        return words.text[words.spans[one.first][0] : words.spans[one.end - 1][1]]

    return ", ".join(f"{text(one)} ({one.type})" for one in spelt) or "no entities"


def _texts(sides: Sides, split: str, ids: Sequence[str]) -> Sequence[Words | None]:
    """The words of the rows; None where the rows are not available."""
    if sides.prepared is None:
        return [None] * len(ids)
    task = sides.prepared.task.require(TaggingTask)
    return [task.words(row) for row in sides.prepared.rows(split, ids)]
