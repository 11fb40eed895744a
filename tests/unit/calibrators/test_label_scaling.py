"""Calibration of several labels: against scikit-learn, on probabilities that are right, and thresholds."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_score

from teacherspec.calibrators.fitted import Dirichlet, Identity, Temperature, Vector
from teacherspec.calibrators.label_logits import label_logits
from teacherspec.calibrators.label_scaling import fit_labels, fit_shared_temperature
from teacherspec.calibrators.label_thresholds import decided_by, fit_thresholds
from teacherspec.metrics.scores.multi_label import decision_nll, sigmoid
from teacherspec.spec.calibrate import (
    Auto,
    F1Thresholds,
    NoCalibration,
    PrecisionThresholds,
    TemperatureScaling,
    VectorScaling,
)


def right(rows: int, seed: int = 0, labels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from their probabilities."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(size=(rows, labels)) * 2 - np.arange(labels) / 2
    return logits, (draw.random(logits.shape) < sigmoid(logits)).astype(float)


def test_one_temperature_is_found_again() -> None:
    logits, labels = right(4000)
    found = fit_shared_temperature(logits * 1.7, labels)
    assert found.temperature == pytest.approx(1.7, rel=0.03)
    assert found.standard_error is not None
    assert abs(found.temperature - 1.7) < 4 * found.standard_error


def test_the_temperature_is_the_logistic_regression_on_the_logit_alone() -> None:
    logits, labels = right(300, seed=1)
    found = fit_shared_temperature(logits, labels)
    plain = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-8)
    plain.fit(logits.reshape(-1, 1), labels.reshape(-1))
    assert 1 / found.temperature == pytest.approx(plain.coef_.item(), rel=1e-4)


def test_the_standard_error_counts_rows_and_not_decisions() -> None:
    logits, labels = right(400, seed=2, labels=1)
    once = fit_shared_temperature(logits, labels).standard_error
    copied = fit_shared_temperature(np.repeat(logits, 9, axis=1), np.repeat(labels, 9, axis=1))
    assert copied.standard_error == pytest.approx(once)


def test_scaling_of_each_label_without_a_prior_is_platt_scaling() -> None:
    logits, labels = right(500, seed=3)
    method = VectorScaling(kind="vector", shrinkage=1e-3)
    found = fit_labels(method, logits * np.array([1, 2, 3, 0.5]) + 0.5, labels).calibrator
    assert isinstance(found, Vector)
    for place, factor in enumerate((1, 2, 3, 0.5)):
        given = (logits[:, place] * factor + 0.5).reshape(-1, 1)
        plain = LogisticRegression(C=np.inf, tol=1e-8).fit(given, labels[:, place])
        assert found.scale[place] == pytest.approx(plain.coef_.item(), rel=0.01)
        assert found.bias[place] == pytest.approx(plain.intercept_.item(), abs=0.01)


def test_a_strong_prior_leaves_the_shared_temperature() -> None:
    logits, labels = right(200, seed=4)
    shared = fit_shared_temperature(logits, labels).temperature
    found = fit_labels(VectorScaling(kind="vector", shrinkage=1e9), logits, labels).calibrator
    assert isinstance(found, Vector)
    assert found.scale == pytest.approx([1 / shared] * 4, rel=1e-4)
    assert found.bias == pytest.approx([0] * 4, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "chosen"),
    [
        (lambda z: z, Identity),
        (lambda z: z * 2.5, Temperature),
        (lambda z: z * np.array([0.5, 1, 3, 4]) + np.array([2, -2, 1, 0]), Vector),
    ],
)
def test_auto_takes_the_simplest_that_nothing_clearly_beats(change: object, chosen: type) -> None:
    logits, labels = right(1500, seed=5)
    given = change(logits)  # type: ignore[operator]
    found = fit_labels(Auto(kind="auto"), given, labels)
    assert type(found.calibrator) is chosen
    assert "held-out NLL in nats: none" in found.reason
    after = decision_nll(label_logits(found.calibrator, given), labels).mean()
    assert after <= decision_nll(given, labels).mean() + 1e-9


def test_a_calibrator_of_other_labels_is_refused() -> None:
    logits, _ = right(5)
    for calibrator in (
        Vector(scale=(1.0,), bias=(0.0,)),
        Dirichlet(weights=((1.0, 0.0), (0.0, 1.0)), bias=(0.0, 0.0)),
    ):
        with pytest.raises(ValueError, match="for 4 labels"):
            label_logits(calibrator, logits)
    assert (label_logits(Identity(), logits) == logits).all()
    for method in (NoCalibration(kind="none"), TemperatureScaling(kind="temperature")):
        assert fit_labels(method, *right(50)).calibrator.kind == method.kind


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_threshold_gives_a_higher_f1(seed: int) -> None:
    logits, labels = right(60, seed)
    probs, known = sigmoid(logits), labels.astype(bool)
    found = fit_thresholds(F1Thresholds(kind="f1"), probs, known)
    for place, threshold in enumerate(found):
        assert threshold is not None
        own = f1_score(known[:, place], probs[:, place] >= threshold)
        best = max(f1_score(known[:, place], probs[:, place] >= cut) for cut in probs[:, place])
        assert own == pytest.approx(best)


def test_a_declared_precision_is_kept_with_the_highest_recall() -> None:
    logits, labels = right(80, 3)
    probs, known = sigmoid(logits), labels.astype(bool)
    found = fit_thresholds(PrecisionThresholds(kind="precision", at_least=0.8), probs, known)
    for place, threshold in enumerate(found):
        assert threshold is not None
        predicted = probs[:, place] >= threshold
        assert precision_score(known[:, place], predicted) >= 0.8
        lower = [cut for cut in probs[:, place] if cut < threshold]
        assert all(precision_score(known[:, place], probs[:, place] >= cut) < 0.8 for cut in lower)


def test_a_label_that_reaches_no_precision_is_never_predicted_and_one_without_rows_from_one_half() -> None:
    probs = np.array([[0.9, 0.2], [0.8, 0.3], [0.7, 0.4]])
    labels = np.array([[False, False], [False, False], [True, False]])
    rule = PrecisionThresholds(kind="precision", at_least=0.9)
    assert fit_thresholds(rule, probs, labels) == [None, 0.5]
    assert fit_thresholds(None, probs, labels) == [0.5, 0.5]
    assert not decided_by([None, 0.5], probs).any()
