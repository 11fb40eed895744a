"""The tokens and answers of two language models for the same rows."""

from collections.abc import Sequence

import numpy as np

from teacherspec.calibrators.token_temperature import score_tokens
from teacherspec.compare.paired_predictions import Sides
from teacherspec.metrics.cluster_bootstrap import ClusteredScores
from teacherspec.metrics.scores.validation import IntArray
from teacherspec.predictions.generation import Answer, TokenPredictions, load_answers

AnswerPair = tuple[Answer, Answer]
"""Answers of the base and of the head revision to the same prompt."""


def score_rows(
    predictions: TokenPredictions, temperature: float, positions: IntArray, cluster: IntArray
) -> ClusteredScores:
    """Scores of the tokens of some rows.

    Args:
        predictions: of all rows.
        temperature: for calibration.
        positions: `[N]`, of the rows.
        cluster: `[N]`, what each of them is resampled with; the same for both sides of a comparison.
    """
    scores = score_tokens(predictions, temperature)
    new = np.full(len(predictions.ids), -1)
    new[positions] = cluster
    of_token = new[predictions.row]
    chosen = of_token >= 0
    return ClusteredScores(
        of_token[chosen], scores.nll[chosen], scores.confidences[chosen], scores.correct[chosen]
    )


def clusters_of(predictions: TokenPredictions, positions: IntArray) -> IntArray:
    """What each of some rows `[N]` is resampled with, numbered from 0 on without a gap."""
    _, cluster = np.unique(predictions.cluster[positions], return_inverse=True)
    return cluster.astype(np.int64)


def pair_answers(sides: Sides, split: str) -> Sequence[AnswerPair]:
    """The answers of both sides to the same prompts with the same references."""
    before, after = ({one.id: one for one in load_answers(side.predictions, split)} for side in sides.both)
    pairs = [(before[name], after[name]) for name in sides.common(list(before), list(after))]
    return [(old, new) for old, new in pairs if (old.prompt, old.references) == (new.prompt, new.references)]
