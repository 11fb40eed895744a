import numpy as np
import pytest

from teacherspec.metrics.binning import bin_index
from teacherspec.metrics.calibration import ece_noise_quantile, expected_calibration_error
from teacherspec.metrics.scores.intervals import bootstrap, calibration_error_interval, interval_of


def overconfident(rows, by, generator):
    confidences = generator.uniform(0.5, 1.0, rows)
    return confidences, generator.random(rows) < confidences - by


@pytest.mark.parametrize("by", [0.0, 0.05, 0.2])
def test_the_interval_of_a_calibration_error_holds_its_level(by):
    generator = np.random.default_rng(1)
    truth = expected_calibration_error(*overconfident(1_000_000, by, generator))
    covered, naive = [], []
    for seed in range(80):
        confidences, correct = overconfident(400, by, generator)
        index, excess = bin_index(confidences), confidences - correct
        draws = bootstrap(
            lambda rows, index=index, excess=excess: (
                np.abs(np.bincount(index[rows], excess[rows])).sum() / 400
            ),
            400,
            n_resamples=100,
            seed=seed,
        )
        found = calibration_error_interval(
            float(draws.observed), draws.resampled, noise_point=ece_noise_quantile(confidences, seed=seed)
        )
        plain = interval_of(float(draws.observed), draws.resampled)
        assert found.low <= found.value <= found.high
        covered.append(found.low <= truth <= found.high)
        naive.append(plain.low <= truth <= plain.high)
    assert np.mean(covered) >= 0.88
    if by == 0.0:
        assert np.mean(naive) < 0.1, "the percentile interval would have done"
