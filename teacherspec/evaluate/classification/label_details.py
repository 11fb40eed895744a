"""Quality by what is known of labels besides their class, next to metrics that count rows alike."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from teacherspec.evaluate.context import EvaluationContext
from teacherspec.inference.label_targets import row_distributions, row_weights
from teacherspec.metrics.calibration import weighted_ece
from teacherspec.metrics.scores.intervals import bootstrap, interval_of
from teacherspec.metrics.scores.proper_scores import brier_to_probs
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.metrics.scores.weighted import (
    effective_rows,
    weighted_macro_f1,
    weighted_mean,
)
from teacherspec.predictions.classification import Predictions
from teacherspec.splits import UNLABELLED

MEANS = ("accuracy", "nll", "brier")


def with_label_details(
    context: EvaluationContext, predictions: Mapping[str, Predictions]
) -> dict[str, Predictions]:
    """The predictions with what is known of the labels of their rows; without labels as they are."""
    schema = context.task.row_schema()
    return {
        name: found
        if context.data.splits[name].role in UNLABELLED
        else replace(
            found,
            weights=row_weights(schema, context.splits[name]),
            label_probs=row_distributions(schema, context.splits[name]),
        )
        for name, found in predictions.items()
    }


def weighted_quality(
    labels: IntArray,
    predicted: IntArray,
    means: Mapping[str, FloatArray],
    confidences: FloatArray,
    weights: FloatArray,
    *,
    classes: int,
    confidence: float,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Metrics in which each row counts as much as it weighs, as with `sample_weight` of scikit-learn.

    Args:
        labels: `[N]`.
        predicted: `[N]`.
        means: name → `[N]` of each of `MEANS`.
        confidences: `[N]`, probability of the predicted label.
        weights: `[N]`, at least 0, not all 0.
        classes: C.
        confidence: level of the intervals.
        resamples: bootstrap resamples of rows, with their weights.
        seed: of the resamples.

    Returns:
        `effective_rows`; `accuracy`, `nll`, `brier`, `macro_f1` with bootstrap interval; `ece` as a number.
    """
    columns = np.stack([means[name] for name in MEANS], axis=1).astype(np.float64)
    right = columns[:, MEANS.index("accuracy")]

    def measures(chosen: IntArray) -> FloatArray:
        own = weights[chosen]
        if not own.any():  # a resample without any row that counts says nothing of any
            chosen, own = np.arange(len(weights)), weights
        f1 = weighted_macro_f1(labels[chosen], predicted[chosen], own, classes)
        return np.append(weighted_mean(columns[chosen], own), f1)

    draws = bootstrap(measures, len(weights), n_resamples=resamples, seed=seed)
    found = {
        name: asdict(
            interval_of(float(draws.observed[place]), draws.resampled[:, place], confidence=confidence)
        )
        for place, name in enumerate((*MEANS, "macro_f1"))
    }
    return {
        "effective_rows": effective_rows(weights),
        **found,
        "ece": weighted_ece(confidences, right, weights),
    }


def distribution_quality(
    predicted: FloatArray, probs: FloatArray, *, confidence: float, resamples: int, seed: int
) -> dict[str, Any]:
    """How well predicted distributions agree with those of the rows, such as annotators' votes.

    Args:
        predicted: `[N, C]`.
        probs: `[N, C]`, of the rows.
        confidence: level of the intervals.
        resamples: bootstrap resamples of rows.
        seed: of the resamples.

    Returns:
        With bootstrap intervals `cross_entropy` and `kl` (nats), `brier` (squared distance) and `accuracy`,
        the mean share of the predicted label: how often one annotator, drawn at random, agrees. As numbers
        `entropy` of the rows' distributions (nats; the least `cross_entropy`), `ece` of confidence against
        that share in 15 equal-width bins, and `disagreement`, the mean share of other labels than the row's.
        No classifier has an `accuracy` above 1 - disagreement here, and one that predicts these shares has an
        ECE of `disagreement` against labels, because its label is always right.
    """
    own = np.argmax(predicted, axis=1)
    top, share = predicted.max(axis=1), probs[np.arange(len(probs)), own]
    entropies = -np.where(probs > 0, probs * np.log(np.where(probs > 0, probs, 1)), 0).sum(axis=1)
    crossed = -(probs * np.log(np.maximum(predicted, np.finfo(np.float64).tiny))).sum(axis=1)
    means = {
        "accuracy": share,
        "cross_entropy": crossed,
        "kl": crossed - entropies,
        "brier": brier_to_probs(predicted, probs),
    }
    columns = np.stack(list(means.values()), axis=1)
    draws = bootstrap(lambda rows: columns[rows].mean(axis=0), len(probs), n_resamples=resamples, seed=seed)
    return {
        **{
            name: asdict(
                interval_of(float(draws.observed[at]), draws.resampled[:, at], confidence=confidence)
            )
            for at, name in enumerate(means)
        },
        "disagreement": float(1 - probs.max(axis=1).mean()),
        "ece": weighted_ece(top, share, np.ones(len(top))),
        "entropy": float(entropies.mean()),
    }
