"""Weighted metrics against scikit-learn's `sample_weight`, and against rows that are repeated."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss

from teacherspec.metrics.calibration import expected_calibration_error, weighted_ece
from teacherspec.metrics.scores.proper_scores import (
    brier_per_row,
    brier_to_probs,
    cross_entropy,
    nll_per_row,
)
from teacherspec.metrics.scores.softmax import softmax, top_label
from teacherspec.metrics.scores.weighted import effective_rows, weighted_macro_f1, weighted_mean
from teacherspec.tasks.shared.classification_task import measure_targets

DRAW = np.random.default_rng(0)
LOGITS = DRAW.normal(size=(80, 4)).astype(np.float32)
LABELS = DRAW.integers(0, 4, 80)
WEIGHTS = DRAW.integers(0, 4, 80).astype(np.float64)


def test_the_metrics_that_choose_a_checkpoint_are_scikit_learns() -> None:
    targets = np.column_stack([np.eye(4)[LABELS], WEIGHTS])
    probs, predicted = softmax(LOGITS), top_label(LOGITS)
    weighed = {"sample_weight": WEIGHTS}
    assert measure_targets(LOGITS, targets) == pytest.approx({
        "nll": log_loss(LABELS, probs, **weighed),
        "accuracy": accuracy_score(LABELS, predicted, **weighed),
        "macro_f1": f1_score(LABELS, predicted, average="macro", **weighed),
        "brier": brier_score_loss(LABELS, probs, labels=range(4), scale_by_half=False, **weighed),
    })  # fmt: skip
    assert measure_targets(LOGITS, targets) != pytest.approx(
        measure_targets(LOGITS, np.column_stack([np.eye(4)[LABELS], np.ones(80)]))
    )


def test_a_class_of_which_no_row_counts_has_no_f1() -> None:
    labels, predicted = np.array([0, 1, 2, 0]), np.array([0, 1, 2, 1])
    weights = np.array([1.0, 2.0, 0.0, 1.0])
    counted = weights > 0
    expected = f1_score(labels[counted], predicted[counted], sample_weight=weights[counted], average="macro")
    assert weighted_macro_f1(labels, predicted, weights, 5) == pytest.approx(expected)


def test_the_calibration_error_counts_a_row_as_often_as_it_weighs() -> None:
    confidences, correct = softmax(LOGITS).max(axis=1), (top_label(LOGITS) == LABELS).astype(np.float64)
    repeated = np.repeat(np.arange(80), WEIGHTS.astype(int))
    expected = expected_calibration_error(confidences[repeated], correct[repeated])
    assert weighted_ece(confidences, correct, WEIGHTS) == pytest.approx(expected)
    assert expected != pytest.approx(expected_calibration_error(confidences, correct), rel=1e-3)


def test_scores_of_certain_distributions_are_those_of_labels() -> None:
    certain = np.eye(4)[LABELS]
    np.testing.assert_allclose(cross_entropy(LOGITS, certain), nll_per_row(LOGITS, LABELS), rtol=1e-12)
    probs = softmax(LOGITS)
    np.testing.assert_allclose(brier_to_probs(probs, certain), brier_per_row(probs, LABELS), rtol=1e-12)


def test_effective_rows() -> None:
    assert effective_rows(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_rows(np.array([5.0, 0.0, 0.0])) == pytest.approx(1)
    assert effective_rows(np.zeros(3)) == 0
    assert weighted_mean(np.array([[1.0, 2.0], [3.0, 8.0]]), np.array([3.0, 1.0])).tolist() == [1.5, 3.5]
