import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.prepare.split_assignment import assign, uniform

KEYS = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50)
SEEDS = st.integers(0, 2**63 - 1)


def keys_of(values: list[int]) -> np.ndarray:
    return np.array(values, np.uint64)


@given(KEYS, KEYS, SEEDS)
def test_the_split_of_a_key_does_not_depend_on_other_keys(
    one: list[int], other: list[int], seed: int
) -> None:
    fractions = (0.5, 0.2, 0.2, 0.1)
    alone = assign(keys_of(one), fractions, seed)
    among = assign(keys_of(other + one), fractions, seed)[len(other) :]
    assert (alone == among).all()


@given(KEYS, SEEDS)
def test_numbers_lie_in_the_unit_interval(keys: list[int], seed: int) -> None:
    numbers = uniform(keys_of(keys), seed, 0)
    assert (numbers >= 0).all()
    assert (numbers < 1).all()


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_shares_follow_the_fractions(seed: int) -> None:
    keys = np.random.default_rng(7).integers(0, 2**64, 100_000, np.uint64)
    fractions = np.array([0.7, 0.1, 0.05, 0.15])
    shares = np.bincount(assign(keys, fractions, seed), minlength=4) / len(keys)
    assert np.abs(shares - fractions).max() < 4 * np.sqrt(0.25 / len(keys))


def test_even_keys_that_differ_in_one_bit_are_shared_out_evenly() -> None:
    shares = np.bincount(assign(np.arange(100_000, dtype=np.uint64), (0.5, 0.5), 0)) / 100_000
    assert np.abs(shares - 0.5).max() < 4 * np.sqrt(0.25 / 100_000)


def test_another_seed_deals_anew() -> None:
    keys = np.random.default_rng(7).integers(0, 2**64, 10_000, np.uint64)
    same = assign(keys, (0.5, 0.5), 0) == assign(keys, (0.5, 0.5), 1)
    assert abs(same.mean() - 0.5) < 0.02


def test_a_moved_border_moves_only_what_lies_between() -> None:
    keys = np.random.default_rng(7).integers(0, 2**64, 10_000, np.uint64)
    before, after = assign(keys, (0.8, 0.2), 3), assign(keys, (0.7, 0.3), 3)
    assert set(zip(before.tolist(), after.tolist(), strict=True)) == {(0, 0), (0, 1), (1, 1)}


@given(KEYS, SEEDS)
def test_a_fraction_of_zero_receives_nothing(keys: list[int], seed: int) -> None:
    assert set(assign(keys_of(keys), (0.5, 0.0, 0.5, 0.0), seed).tolist()) <= {0, 2}


def test_rounding_of_the_fractions_loses_no_row() -> None:
    keys = keys_of([0])
    highest = np.uint64(2**64 - 1)
    for key in (np.uint64(0), highest):
        assert assign(np.array([key]), (0.1,) * 10, 0)[0] < 10
    assert assign(keys, (1 / 3, 1 / 3, 1 / 3), 0)[0] < 3
