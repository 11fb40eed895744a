"""Means over seeds and their differences, against scipy and by simulation."""

import numpy as np
import pytest
from scipy import stats

from teacherspec.metrics.seed_variance import Trainings, compare_trainings, mean_over_seeds, trainings

BEFORE, AFTER = [0.80, 0.82, 0.81, 0.84], [0.85, 0.83, 0.86]


def test_the_interval_of_a_mean_is_that_of_scipy() -> None:
    found = mean_over_seeds(trainings(BEFORE), confidence=0.9)
    oracle = stats.ttest_1samp(BEFORE, 0.0).confidence_interval(0.9)
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(BEFORE), *oracle))


def test_a_difference_of_means_is_that_of_welchs_test() -> None:
    found = compare_trainings(trainings(BEFORE), trainings(AFTER), confidence=0.9)
    oracle = stats.ttest_ind(AFTER, BEFORE, equal_var=False)
    assert found.p_value == pytest.approx(oracle.pvalue)
    low, high = oracle.confidence_interval(0.9)
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))


@pytest.mark.parametrize("counts", [(5, 5), (3, 8), (1, 5), (4, 1)])
def test_recipes_that_are_alike_differ_at_the_rate_of_the_level(counts: tuple[int, int]) -> None:
    """Also where one side is a single training, which is one more draw with the spread of the other."""
    draw = np.random.default_rng(0)

    def side(count: int) -> Trainings:
        values = draw.normal(0.8, 0.01, count)
        return trainings(values) if count > 1 else Trainings(float(values[0]), 0.0, 1)

    p_values = [compare_trainings(side(counts[0]), side(counts[1])).p_value for _ in range(2000)]
    assert np.mean(np.less(p_values, 0.05)) < 0.065


def test_order_and_shift_change_what_they_should() -> None:
    forth, back = (
        compare_trainings(*pair)
        for pair in ((trainings(BEFORE), trainings(AFTER)), (trainings(AFTER), trainings(BEFORE)))
    )
    assert forth.p_value == pytest.approx(back.p_value)
    assert forth.difference.value == pytest.approx(-back.difference.value)
    shifted = compare_trainings(trainings(np.add(BEFORE, 1)), trainings(np.add(AFTER, 1)))
    assert shifted.p_value == pytest.approx(forth.p_value)


def test_trainings_without_any_spread() -> None:
    same, other = trainings([0.5, 0.5]), trainings([0.6, 0.6])
    assert compare_trainings(same, same).p_value == 1.0
    assert compare_trainings(same, other).p_value == 0.0
    assert mean_over_seeds(same).low == 0.5


def test_one_training_has_no_spread_and_two_single_ones_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="one training has no spread"):
        trainings([0.8])
    with pytest.raises(ValueError, match="row 1 is nan"):
        trainings([0.8, np.nan])
    with pytest.raises(ValueError, match="one on each side"):
        compare_trainings(Trainings(0.8, 0.0, 1), Trainings(0.9, 0.0, 1))
