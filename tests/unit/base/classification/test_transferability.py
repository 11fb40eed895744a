"""LogME and H-score against independent computations."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from teacherspec.base.classification.transferability import h_score, logme

Array = npt.NDArray[np.float64]


def made(rows: int, width: int, classes: int, signal: float, seed: int = 0) -> tuple[Array, Array]:
    draw = np.random.default_rng(seed)
    labels = draw.integers(classes, size=rows)
    centres = signal * draw.standard_normal((classes, width))
    return centres[labels] + draw.standard_normal((rows, width)), labels


def best_evidence(features: Array, labels: npt.NDArray[np.int64]) -> float:
    """The evidence of each class maximised over α and β by a general solver, from its definition.

    With weights ~ N(0, 1/α) and noise ~ N(0, 1/β), y ~ N(0, FFᵀ/α + I/β).
    """
    found = []
    for label in np.unique(labels):
        target = (labels == label).astype(float)

        def negative(logs: Array, target: Array = target) -> float:
            alpha, beta = np.exp(logs)
            covariance = features @ features.T / alpha + np.eye(len(target)) / beta
            return -float(multivariate_normal.logpdf(target, cov=covariance))

        found.append(-minimize(negative, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-4}).fun)
    return float(np.mean(found)) / len(labels)


@pytest.mark.parametrize(("rows", "width"), [(60, 5), (30, 40)])  # with more rows, and with more features
def test_logme_is_the_maximum_of_the_evidence(rows: int, width: int) -> None:
    features, labels = made(rows, width, 3, signal=1.0)
    assert logme(features, labels) == pytest.approx(best_evidence(features, labels), abs=1e-3)


def test_scaled_features_have_the_same_logme_and_h_score() -> None:
    features, labels = made(200, 10, 4, signal=1.0)
    for score in (logme, h_score):
        assert score(1000 * features, labels) == pytest.approx(score(features, labels), rel=1e-3)


@pytest.mark.parametrize("score", [logme, h_score])
def test_more_signal_scores_higher_and_none_lowest(score: object) -> None:
    assert callable(score)
    found = [score(*made(300, 20, 4, signal)) for signal in (0.0, 0.3, 1.0, 3.0)]
    assert found == sorted(found)
    features, labels = made(300, 20, 4, 1.0)
    shuffled = np.random.default_rng(5).permutation(labels)
    assert score(features, shuffled) < score(features, labels) - 0.1


def test_the_h_score_of_one_feature_is_the_correlation_ratio() -> None:
    features, labels = made(500, 1, 3, signal=1.0)
    means = np.array([features[labels == label].mean() for label in labels])
    assert h_score(features, labels) == pytest.approx(means.var() / features.var(), rel=1e-6)


def test_the_h_score_of_noise_stays_low_where_there_are_few_rows() -> None:
    """Without shrinkage any labels are explained: tr(cov⁻¹ cov) is C - 1 where features outnumber rows."""
    features, labels = made(40, 100, 3, signal=0.0)
    centred = features - features.mean(0)
    means = np.stack([centred[labels == label].mean(0) for label in labels])
    unshrunk = np.trace(np.linalg.pinv(centred.T @ centred) @ means.T @ means)
    assert unshrunk == pytest.approx(2.0, rel=1e-6)
    assert h_score(features, labels) < 0.5
