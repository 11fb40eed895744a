"""Quality of predicted tags and entities, with intervals over rows: words of a row are not independent."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from teacherspec.evaluate.gain import gain
from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.cluster_bootstrap import ClusteredScores, score_clusters
from teacherspec.metrics.scores.entity_scores import (
    LABELLED,
    PREDICTED,
    count_entities,
    f1_of,
    macro_f1_of,
    precision_of,
    recall_of,
)
from teacherspec.metrics.scores.entity_tags import types_of
from teacherspec.metrics.scores.intervals import bootstrap, interval_of
from teacherspec.metrics.scores.proper_scores import brier
from teacherspec.metrics.scores.softmax import softmax
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.predictions.tagging import TagPredictions

ENTITY_METRICS = ("f1", "precision", "recall", "macro_f1")
TYPE_COLUMNS = (
    "type", "entities", "predicted", "f1", "f1_low", "f1_high", "precision", "precision_low",
    "precision_high", "recall", "recall_low", "recall_high",
)  # fmt: skip


def scores_of(predictions: TagPredictions) -> ClusteredScores:
    """The measures of the words that are read, at temperature 1."""
    return score_clusters(predictions.row, predictions.logits, predictions.labels)


def entity_counts(predictions: TagPredictions, names: Sequence[str]) -> IntArray:
    """Counts `[N, K, 3]` of entities, those of words that are not read included."""
    return count_entities(predictions.words, predictions.tags, predictions.predicted(), names)


def tag_quality(
    predictions: TagPredictions, names: Sequence[str], *, confidence: float, resamples: int, seed: int
) -> dict[str, Any]:
    """Metrics of a split at temperature 1, before any calibration.

    Args:
        predictions: of the split.
        names: of the tags.
        confidence: level of the intervals.
        resamples: bootstrap resamples of rows.
        seed: of the resamples.

    Returns:
        `rows`; `words`, and `words_unread` that are cut off or that the tokenizer makes nothing of;
        `entities` that are labelled; `precision`, `recall` and `f1` of entities by exact span and type, all
        types together, and `macro_f1`, the mean over types; of the words that are read `accuracy`, `nll`,
        `brier` and `ece`.
    """
    scored, counts, rows = scores_of(predictions), entity_counts(predictions, names), len(predictions.ids)
    columns = (scored.nll, scored.correct, np.ones(len(scored.cluster)))
    of_words = np.stack([np.bincount(scored.cluster, weights=one, minlength=rows) for one in columns], axis=1)

    def statistic(chosen: IntArray) -> FloatArray:
        by_type = counts[chosen].sum(axis=0)
        micro, (nll, hits, read) = by_type.sum(axis=0), of_words[chosen].sum(axis=0)
        values = (f1_of(micro), precision_of(micro), recall_of(micro), macro_f1_of(by_type))
        return np.array([*values, hits / read, nll / read])

    draws = bootstrap(statistic, rows, n_resamples=resamples, seed=seed)
    return {
        "rows": rows,
        "words": len(predictions.read),
        "words_unread": int((~predictions.read).sum()),
        "entities": int(counts[..., LABELLED].sum()),
        **{
            name: asdict(
                interval_of(float(draws.observed[at]), draws.resampled[:, at], confidence=confidence)
            )
            for at, name in enumerate((*ENTITY_METRICS, "accuracy", "nll"))
        },
        "brier": brier(softmax(predictions.logits), predictions.labels),
        "ece": expected_calibration_error(scored.confidences, scored.correct),
    }


def type_rows(
    predictions: TagPredictions, names: Sequence[str], *, confidence: float, resamples: int, seed: int
) -> list[tuple[object, ...]]:
    """Quality of each type of entity, in the order of `TYPE_COLUMNS`; arguments as `tag_quality`."""
    counts = entity_counts(predictions, names)

    def statistic(chosen: IntArray) -> FloatArray:
        by_type = counts[chosen].sum(axis=0)
        return np.stack([f1_of(by_type), precision_of(by_type), recall_of(by_type)], axis=1)  # [K, 3]

    draws = bootstrap(statistic, len(counts), n_resamples=resamples, seed=seed)
    totals, rows = counts.sum(axis=0), []
    for at, name in enumerate(types_of(names)):
        cells: list[object] = [name, int(totals[at, LABELLED]), int(totals[at, PREDICTED])]
        for metric in range(3):
            found = interval_of(
                float(draws.observed[at, metric]), draws.resampled[:, at, metric], confidence=confidence
            )
            cells += [round(value, 6) for value in (found.value, found.low, found.high)]
        rows.append(tuple(cells))
    return rows


def tag_gain(
    teacher: TagPredictions,
    base: TagPredictions,
    names: Sequence[str],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> Mapping[str, Any]:
    """Gain in `accuracy` and `nll` (nats) a word that both read, and in `f1` of entities, on the same rows.

    Args:
        teacher: of a split.
        base: of the same rows, in their order.
        names: of the tags.
        confidence: level of the intervals.
        resamples: bootstrap resamples of rows.
        seed: of the resamples.
    """
    options: dict[str, Any] = {"confidence": confidence, "resamples": resamples, "seed": seed}
    rows, scored = len(teacher.ids), [scores_of(one) for one in (teacher, base)]
    gains = {
        "accuracy": (scored[0].correct - scored[1].correct).astype(np.float64),
        "nll": scored[1].nll - scored[0].nll,
    }
    sums = {name: np.bincount(teacher.row, weights=one, minlength=rows) for name, one in gains.items()}
    of_words = gain(sums, np.bincount(teacher.row, minlength=rows), **options)
    counts = [entity_counts(one, names).sum(axis=1) for one in (teacher, base)]
    draws = bootstrap(
        lambda chosen: f1_of(counts[0][chosen].sum(axis=0)) - f1_of(counts[1][chosen].sum(axis=0)),
        rows,
        n_resamples=resamples,
        seed=seed,
    )
    return {
        **of_words,
        "f1": asdict(interval_of(float(draws.observed), draws.resampled, confidence=confidence)),
    }
