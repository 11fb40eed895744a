"""Quality of retrieval between images and texts, with intervals over images."""

from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.evaluate.gain import gain
from teacherspec.metrics.calibration import expected_calibration_error, top_label_confidence
from teacherspec.metrics.scores.intervals import Interval, bootstrap, interval_of, wilson_interval
from teacherspec.metrics.scores.proper_scores import nll_per_row
from teacherspec.metrics.scores.retrieval import RECALLED, Paired, Ranks, candidate_sets, image_to_text
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.predictions.retrieval import Comparison, EmbeddingPredictions

DIRECTIONS = ("image_to_text", "text_to_image")


def retrieval_quality(
    found: EmbeddingPredictions, comparison: Comparison, *, confidence: float, resamples: int, seed: int
) -> dict[str, Any]:
    """Metrics of a split at temperature 1, before any calibration.

    Args:
        found: of the split.
        comparison: how cosines become logits, and how large candidate sets are.
        confidence: level of the intervals.
        resamples: bootstrap resamples of images, whole with their texts.
        seed: of the resamples.

    Returns:
        `rows`, `images` and `texts` (different ones); for each direction the number of its `queries` and
        `candidates`, `recall_at_k` with interval, `chance_at_k` of a random order, and `median_rank`;
        and of candidate sets, both directions together, `accuracy`, `nll` and `ece`.
    """
    options: dict[str, Any] = {"confidence": confidence, "resamples": resamples, "seed": seed}
    queries = dict(zip(DIRECTIONS, (found.pairs, found.pairs.swapped()), strict=True))
    right, confidences, losses = candidate_scores(found, comparison)
    images = np.concatenate([found.image_of, found.image_of])
    return {
        "rows": len(found.ids),
        "images": len(np.unique(found.image_of)),
        "texts": len(np.unique(found.text_of)),
        **{name: direction(pairs, found.pairs, **options) for name, pairs in queries.items()},
        "accuracy": asdict(share_interval(right, images, **options)),
        "nll": asdict(_mean(losses, images, **options)),
        "ece": expected_calibration_error(confidences, right),
    }


def retrieval_gain(
    teacher: tuple[EmbeddingPredictions, Comparison],
    base: tuple[EmbeddingPredictions, Comparison],
    **intervals: Any,
) -> dict[str, Any]:
    """Gain in `accuracy` and `nll` (nats) of candidate sets, both directions together, on the same rows.

    Args:
        teacher: predictions of a split, and how its cosines become logits.
        base: the same of the base.
        intervals: level, resamples of images, and seed.
    """
    scores = [candidate_scores(*one) for one in (teacher, base)]
    _, of = np.unique(np.tile(teacher[0].image_of, 2), return_inverse=True)
    gains = {
        "accuracy": scores[0][0].astype(np.float64) - scores[1][0],
        "nll": scores[1][2] - scores[0][2],
    }
    sums = {name: np.bincount(of, weights=one) for name, one in gains.items()}
    return dict(gain(sums, np.bincount(of), **intervals))


def candidate_scores(
    found: EmbeddingPredictions, comparison: Comparison
) -> tuple[npt.NDArray[np.bool_], FloatArray, FloatArray]:
    """Of the candidate sets of both directions `[Q]`: whether right, confidence, and NLL in nats."""
    lines = [
        candidate_sets(pairs, comparison.candidate_set_size, comparison.seed)
        for pairs in (found.pairs, found.pairs.swapped())
    ]
    log_probs = log_softmax(comparison.logit_scale * np.concatenate(lines) + comparison.logit_bias)
    labels = np.full(len(log_probs), comparison.candidate_set_size - 1)
    confidences, right = top_label_confidence(np.exp(log_probs), labels)
    return right, confidences, nll_per_row(log_probs, labels)


def direction(
    queries: Paired, pairs: Paired, *, confidence: float, resamples: int, seed: int
) -> dict[str, Any]:
    """Recall and ranks of the queries of one direction.

    Args:
        queries: the pairs, queries first.
        pairs: the same with images first.
        confidence: level of the intervals.
        resamples: of images.
        seed: of the resamples.
    """
    ranks = image_to_text(queries)
    _, first = np.unique(queries.image_of, return_index=True)
    measured: dict[str, Any] = {"queries": len(ranks.rank), "candidates": ranks.candidates}
    for k in RECALLED:
        hits = ranks.rank <= k
        interval = share_interval(
            hits, pairs.image_of[first], confidence=confidence, resamples=resamples, seed=seed
        )
        measured |= {f"recall_at_{k}": asdict(interval), f"chance_at_{k}": ranks.chance(k)}
    return {**measured, "median_rank": float(np.median(ranks.rank))}


def share_interval(
    hits: npt.NDArray[np.bool_], images: IntArray, *, confidence: float, resamples: int, seed: int
) -> Interval:
    """A share of hits `[Q]`, where query q belongs to image `images[q]`.

    Wilson's interval, which is valid near 0 and 1. Where an image has several queries, which are not
    independent, each end is the wider one of it and of the bootstrap over images.
    """
    plain = wilson_interval(int(hits.sum()), len(hits), confidence=confidence)
    if len(np.unique(images)) in (1, len(images)):
        return plain
    values = hits.astype(np.float64)
    drawn = _mean(values, images, confidence=confidence, resamples=resamples, seed=seed)
    return Interval(plain.value, min(plain.low, drawn.low), max(plain.high, drawn.high))


def _mean(values: FloatArray, images: IntArray, *, confidence: float, resamples: int, seed: int) -> Interval:
    """Mean of values `[Q]` with the interval of resampled images `[Q]`."""
    _, of = np.unique(images, return_inverse=True)
    sums, counts = np.bincount(of, weights=values), np.bincount(of)
    draws = bootstrap(
        lambda chosen: sums[chosen].sum() / counts[chosen].sum(), len(sums), n_resamples=resamples, seed=seed
    )
    return interval_of(float(draws.observed), draws.resampled, confidence=confidence)


def hardest(found: EmbeddingPredictions) -> IntArray:
    """Places of the rows, those first whose image ranks all its texts last."""
    ranks: Ranks = image_to_text(found.pairs)
    _, of = np.unique(found.image_of, return_inverse=True)
    order: IntArray = np.argsort(-ranks.rank[of.reshape(-1)], kind="stable")
    return order
