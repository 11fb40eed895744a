"""Confidence of predicted entities: the product of the probabilities of the tags of their words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.cluster_bootstrap import ClusteredScores
from teacherspec.metrics.scores.entity_scores import entities_of_rows
from teacherspec.metrics.scores.validation import FloatArray, IntArray

SMALLEST = 1e-12
"""Bound of the probability in a loss, so that one sure mistake does not make it infinite."""


@dataclass(frozen=True)
class WordConfidence:
    """The most likely tag of each of W words.

    Attributes:
        predicted: `[W]` index of it; `O` where a word is not read.
        log_prob: `[W]` its log-probability, nats; 0 where a word is not read.
    """

    predicted: IntArray
    log_prob: FloatArray


def score_spans(
    words: IntArray, tags: npt.ArrayLike, of_words: WordConfidence, names: Sequence[str]
) -> ClusteredScores:
    """Each predicted entity, with its confidence and whether span and type are exactly right.

    Its `nll` is that of the event that it is right. Entities that are not predicted have no confidence.

    Args:
        words: `[N]`, words of each row; W together.
        tags: `[W]` right tags.
        of_words: the predicted tags.
        names: of the tags.
    """
    totals = np.concatenate(([0.0], np.cumsum(of_words.log_prob)))
    begins = np.cumsum(words) - words
    pairs = zip(
        entities_of_rows(words, tags, names), entities_of_rows(words, of_words.predicted, names), strict=True
    )
    row, log_prob, correct = [], [], []
    for at, (labelled, predicted) in enumerate(pairs):
        for entity in predicted:
            first, end = begins[at] + entity.first, begins[at] + entity.end
            row.append(at)
            log_prob.append(min(0.0, totals[end] - totals[first]))
            correct.append(entity in labelled)
    confidences, right = np.exp(np.asarray(log_prob, np.float64)), np.asarray(correct, np.int64)
    chance = np.where(right == 1, confidences, 1.0 - confidences)
    return ClusteredScores(np.asarray(row, np.int64), -np.log(chance.clip(min=SMALLEST)), confidences, right)
