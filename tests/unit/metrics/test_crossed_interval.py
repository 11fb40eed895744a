"""The interval of differences over seeds and rows."""

import numpy as np
import pytest
from scipy import stats

from teacherspec.metrics.crossed_interval import crossed_mean


def drawn(generator: np.random.Generator, seeds: int, rows: int, of_seed: float, of_row: float) -> np.ndarray:
    """Differences of mean 0 with random effects of seeds and rows, and noise."""
    effects = generator.normal(0, of_seed, (seeds, 1)) + generator.normal(0, of_row, (1, rows))
    return effects + generator.normal(0, 1.0, (seeds, rows))


def test_where_only_seeds_differ_it_is_the_t_interval_over_the_seeds() -> None:
    by_seed = np.array([0.01, 0.03, 0.02, 0.06])
    found = crossed_mean(np.repeat(by_seed[:, None], 50, axis=1)).interval
    expected = stats.t.interval(0.95, 3, by_seed.mean(), stats.sem(by_seed))
    assert (found.low, found.high) == pytest.approx(expected)


def test_where_only_rows_differ_it_is_the_normal_interval_over_the_rows() -> None:
    by_row = np.random.default_rng(0).normal(size=200)
    found = crossed_mean(np.repeat(by_row[None], 4, axis=0)).interval
    expected = stats.norm.interval(0.95, by_row.mean(), stats.sem(by_row))
    assert (found.low, found.high) == pytest.approx(expected)


@pytest.mark.parametrize(("of_seed", "of_row"), [(0.0, 0.0), (0.0, 1.0), (0.3, 0.0), (0.3, 1.0)])
def test_it_holds_its_level_where_a_plain_interval_does_not(of_seed: float, of_row: float) -> None:
    generator = np.random.default_rng(1)
    samples = [drawn(generator, 4, 60, of_seed, of_row) for _ in range(800)]
    intervals = [crossed_mean(one).interval for one in samples]
    covered = np.mean([found.low <= 0 <= found.high for found in intervals])
    assert 0.925 <= covered <= 1.0
    pooled = [stats.norm.interval(0.95, one.mean(), stats.sem(one.ravel())) for one in samples]
    naive = np.mean([low <= 0 <= high for low, high in pooled])
    assert (naive < 0.9) == bool(of_seed or of_row), "the negative control: all values as independent rows"


def test_equal_differences_have_no_spread() -> None:
    assert crossed_mean(np.zeros((3, 5))).p_value == 1.0
    same = crossed_mean(np.full((3, 5), 0.5))
    assert (same.interval.low, same.interval.high, same.p_value) == (0.5, 0.5, 0.0)


@pytest.mark.parametrize("values", [np.zeros((1, 9)), np.zeros((9, 1)), np.zeros(9), np.full((2, 2), np.nan)])
def test_what_has_no_interval_is_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="differences"):
        crossed_mean(values)
