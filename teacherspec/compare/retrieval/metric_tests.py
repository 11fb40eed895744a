"""Paired tests of the metrics of a dual encoder: recall, and the measures of candidate sets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from teacherspec.calibrators.candidate_sets import candidate_logits
from teacherspec.compare.cluster_tests import clustered_tests
from teacherspec.compare.paired_predictions import Sides
from teacherspec.compare.paired_tests import PairedTest, Statistics, mcnemar, resampled
from teacherspec.compare.retrieval.pairing import Queries
from teacherspec.metric_names.retrieval import DIRECTIONS
from teacherspec.metrics.cluster_bootstrap import score_clusters
from teacherspec.metrics.scores.retrieval import RECALLED
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.predictions.retrieval import Comparison, EmbeddingPredictions


def recall_tests(split: str, queries: Mapping[str, Sequence[Queries]]) -> Iterator[PairedTest]:
    """Tests of recall at k in both directions.

    By McNemar's test where every query has an image of its own, otherwise by resampling images.

    Args:
        split: its name.
        queries: direction → those of the base and of the head revision.
    """
    for direction, (before, after) in queries.items():
        names = [f"evaluate.{split}.{direction}.recall_at_{k}" for k in RECALLED]
        if len(before.rank) == before.images:
            for name, k in zip(names, RECALLED, strict=True):
                yield mcnemar(name, before.rank <= k, after.rank <= k)
        elif before.images > 1:
            for test in resampled(names, _recalls(before), _recalls(after), before.images):
                yield replace(test, rows=len(before.rank))


def _recalls(queries: Queries) -> Statistics:
    """From positions of images to recall at every k of their queries."""
    counts = np.bincount(queries.image)
    hits = np.stack([np.bincount(queries.image, weights=queries.rank <= k) for k in RECALLED], axis=1)

    def numbers(chosen: IntArray) -> FloatArray:
        recalls: FloatArray = hits[chosen].sum(axis=0) / counts[chosen].sum()
        return recalls

    return numbers


def candidate_set_tests(
    sides: Sides, split: str, rows: Sequence[EmbeddingPredictions], comparisons: Sequence[Comparison]
) -> Iterator[PairedTest]:
    """Tests of loss, accuracy and calibration error over the candidate sets of both directions.

    Args:
        sides: two teachers.
        split: its name.
        rows: the common rows of the base and of the head revision.
        comparisons: how each side draws and scores candidate sets.
    """
    _, image = np.unique(rows[1].image_of, return_inverse=True)
    row = np.tile(image.reshape(-1), len(DIRECTIONS))
    raw, calibrated = [], []
    for predictions, comparison, side in zip(rows, comparisons, sides.both, strict=True):
        logits, labels = candidate_logits(predictions, comparison)
        raw.append(score_clusters(row, logits, labels))
        calibrated.append(score_clusters(row, logits / side.temperature, labels))
    yield from clustered_tests(split, raw, calibrated, int(row.max()) + 1)
