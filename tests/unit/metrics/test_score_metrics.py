"""Errors and correlations of scores against scipy and scikit-learn."""

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, mean_squared_error, root_mean_squared_error

from teacherspec.metrics.scores.regression import coverage, score_metrics


@pytest.mark.parametrize("ties", [False, True])
def test_metrics_are_those_of_scipy_and_scikit_learn(ties: bool) -> None:
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 6, 200).astype(np.float64)
    scores = labels + draw.normal(0, 1.5, 200)
    scores = scores.round() if ties else scores
    found = score_metrics(scores, labels)
    assert found["mse"] == pytest.approx(mean_squared_error(labels, scores))
    assert found["rmse"] == pytest.approx(root_mean_squared_error(labels, scores))
    assert found["mae"] == pytest.approx(mean_absolute_error(labels, scores))
    assert found["pearson"] == pytest.approx(pearsonr(scores, labels).statistic)
    assert found["spearman"] == pytest.approx(spearmanr(scores, labels).statistic)


def test_nothing_correlates_with_a_constant() -> None:
    found = score_metrics(np.full(5, 2.0), np.arange(5.0))
    assert (found["pearson"], found["spearman"]) == (0.0, 0.0)


def test_the_noise_of_coverage_is_binomial() -> None:
    found = coverage(np.zeros(100), np.r_[np.zeros(90), np.full(10, 2.0)], radius=1.0, level=0.9)
    assert found.share == 0.9
    draws = np.random.default_rng(0).binomial(100, 0.9, 20_000) / 100
    assert np.mean(np.abs(draws - 0.9) <= found.noise) == pytest.approx(0.95, abs=0.02)
