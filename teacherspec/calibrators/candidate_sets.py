"""The logits that calibration of retrieval is fitted on: of candidate sets, in both directions."""

import numpy as np

from teacherspec.metrics.scores.retrieval import candidate_sets
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.predictions.retrieval import Comparison, EmbeddingPredictions


def candidate_logits(
    predictions: EmbeddingPredictions, comparison: Comparison
) -> tuple[FloatArray, IntArray]:
    """Logits `[2 N, C]` of candidate sets in both directions, and the index `[2 N]` of the right candidate.

    Args:
        predictions: N pairs.
        comparison: how cosines become logits, and C.

    Raises:
        ValueError: a pair has fewer than C - 1 wrong candidates.
    """
    directions = (predictions.pairs, predictions.pairs.swapped())
    size = comparison.candidate_set_size
    cosines = np.concatenate([candidate_sets(pairs, size, comparison.seed) for pairs in directions])
    logits = comparison.logit_scale * cosines + comparison.logit_bias
    return logits, np.full(len(logits), size - 1)
