"""Metrics of several labels against scikit-learn, on plain rows and on resamples."""

import numpy as np
import pytest
from sklearn import metrics as sk

from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.label_calibration import LabelErrors, label_decisions
from teacherspec.metrics.scores.multi_label import (
    check_labels,
    decide,
    decision_nll,
    ranking_loss_per_row,
    selection_numbers,
    sigmoid,
)


def rows(seed: int, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.random((40, 5)) < np.array([0.5, 0.3, 0.2, 0.6, 0.1])
    labels[0] = True
    labels[1] = False
    logits = draw.normal(size=(40, 5)) + 1.5 * labels - 0.7
    return (np.round(logits) if ties else logits), labels


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_numbers_are_those_of_scikit_learn(seed: int, ties: bool) -> None:
    logits, labels = rows(seed, ties)
    predicted = logits >= 0
    found = decide(logits, labels, 0.0).numbers(np.ones(len(labels)))
    expected = {
        "accuracy": 1 - sk.hamming_loss(labels, predicted),
        "subset_accuracy": sk.accuracy_score(labels, predicted),
        "macro_f1": sk.f1_score(labels, predicted, average="macro"),
        "micro_f1": sk.f1_score(labels, predicted, average="micro"),
        "sample_f1": sk.f1_score(labels, predicted, average="samples", zero_division=0),
        "mean_average_precision": sk.average_precision_score(labels, logits, average="macro"),
        "ranking_loss": sk.label_ranking_loss(labels, logits),
    }
    assert found == pytest.approx(expected)


def test_a_resample_is_the_rows_repeated() -> None:
    logits, labels = rows(3, ties=True)
    chosen = np.random.default_rng(0).integers(0, len(labels), len(labels))
    times = np.bincount(chosen, minlength=len(labels)).astype(float)
    whole = decide(logits[chosen], labels[chosen], 0.0)
    part = decide(logits, labels, 0.0)
    assert part.numbers(times) == pytest.approx(whole.numbers(np.ones(len(chosen))))
    assert part.decided_numbers(times) == pytest.approx(whole.decided_numbers(np.ones(len(chosen))))


def test_precision_and_recall_are_means_over_labels_with_any() -> None:
    logits, labels = rows(4)
    logits[:, 4] = -1.0  # never predicted
    found = decide(logits, labels, 0.0).decided_numbers(np.ones(len(labels)))
    some = slice(0, 4)
    precision = sk.precision_score(labels[:, some], logits[:, some] >= 0, average="macro")
    recall = sk.recall_score(labels, logits >= 0, average="macro")
    assert found["macro_precision"] == pytest.approx(precision)
    assert found["macro_recall"] == pytest.approx(recall)


def test_a_label_that_no_row_has_leaves_the_other_means() -> None:
    logits, labels = rows(5)
    labels[:, 2] = False
    found = decide(logits, labels, 0.0).numbers(np.ones(len(labels)))
    others = [0, 1, 3, 4]
    assert found["mean_average_precision"] == pytest.approx(
        sk.average_precision_score(labels[:, others], logits[:, others], average="macro")
    )


def test_the_loss_of_a_decision_is_that_of_its_probability() -> None:
    logits, labels = rows(6)
    found = selection_numbers(logits, labels, ("nll", "brier"))
    probs = 1 / (1 + np.exp(-logits))
    expected = np.mean([sk.log_loss(labels[:, k], probs[:, k], labels=[0, 1]) for k in range(5)])
    assert found["nll"] == pytest.approx(expected)
    assert found["brier"] == pytest.approx(np.mean((probs - labels) ** 2))
    assert np.isfinite(decision_nll(np.array([[800.0, -800.0]]), np.array([[1, 0]]))).all()


def test_rows_with_all_labels_or_none_have_no_ranking_loss() -> None:
    logits, labels = rows(7)
    assert (ranking_loss_per_row(logits, labels)[:2] == 0).all()


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[0.0, 1.0]], [[0, 2]], "row 0 holds values other than 0 and 1"),
        ([[0.0, float("nan")]], [[0, 1]], "row 0 holds NaN"),
        ([[0.0, 1.0]], [[0]], r"shapes \[1, 2\] and \[1, 1\]"),
    ],
)
def test_invalid_rows_are_named(logits: list[list[float]], labels: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_labels(logits, labels)


def test_the_error_of_a_label_is_that_of_its_probability() -> None:
    logits, labels = rows(8)
    probs = sigmoid(logits)
    errors = LabelErrors(probs, labels, 10)
    chosen = np.random.default_rng(1).integers(0, len(labels), len(labels))
    for subset in (np.arange(len(labels)), chosen):
        expected = [
            expected_calibration_error(probs[subset, k], labels[subset, k], n_bins=10) for k in range(5)
        ]
        assert errors(subset) == pytest.approx(expected)


def test_noise_is_what_right_probabilities_show() -> None:
    draw = np.random.default_rng(0)
    probs = draw.random((300, 4))
    means = []
    for _ in range(60):
        labels = draw.random(probs.shape) < probs
        means.append(LabelErrors(probs, labels, 15)(np.arange(300)).mean())
    errors = LabelErrors(probs, labels, 15)
    assert errors.floors().mean() == pytest.approx(np.mean(means), rel=0.05)
    assert errors.noise(quantile=0.95, n_draws=200, seed=0) == pytest.approx(
        np.quantile(means, 0.95), rel=0.1
    )


def test_decisions_are_rows_of_two_answers() -> None:
    logits, labels = rows(9)
    found = label_decisions(logits, labels)
    assert found.cluster.tolist() == np.repeat(np.arange(40), 5).tolist()
    assert found.correct.mean() == pytest.approx(1 - sk.hamming_loss(labels, logits >= 0))
    assert (found.confidences >= 0.5).all()
