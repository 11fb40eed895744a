"""Krippendorff's alpha against worked values and against its definition."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teacherspec.ratings.inter_rater import Agreement, ordinal_agreement

WORKED = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""
"""Four observers, twelve units, of Krippendorff (2011), Computing Krippendorff's Alpha-Reliability."""


def agreement(units: list[list[float]], resamples: int = 100) -> Agreement | None:
    return ordinal_agreement(units, n_resamples=resamples, seed=0, confidence=0.95)


def by_definition(units: list[list[float]]) -> float | None:
    """1 - observed over expected disagreement, summed pair by pair."""
    units = [unit for unit in units if len(unit) > 1]
    every = [value for unit in units for value in unit]
    if len(set(every)) < 2:
        return None

    def distance(one: float, other: float) -> float:
        low, high = sorted((one, other))
        between = sum(low <= value <= high for value in every)
        return (between - (every.count(low) + every.count(high)) / 2) ** 2

    observed = sum(
        distance(a, b) / (len(unit) - 1) for unit in units for a, b in permutations(unit, 2)
    ) / len(every)
    expected = sum(distance(a, b) for a, b in permutations(every, 2)) / (len(every) * (len(every) - 1))
    return 1 - observed / expected


def test_alpha_of_the_example_of_its_author() -> None:
    rows = [line.split() for line in WORKED.strip().splitlines()]
    units = [[float(cell) for cell in column if cell != "."] for column in zip(*rows, strict=True)]
    found = agreement(units)
    assert found is not None
    assert found.alpha.value == pytest.approx(0.815, abs=5e-4)
    assert found.units == 11
    assert found.alpha.low < found.alpha.value < found.alpha.high


def test_two_observers_with_two_values_by_hand() -> None:
    """The first example of the same paper: ten units, 0.095 (with two values every distance is nominal)."""
    one = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    other = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    found = agreement([[float(a), float(b)] for a, b in zip(one, other, strict=True)])
    assert found is not None
    assert found.alpha.value == pytest.approx(0.095, abs=5e-4)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0]), min_size=1, max_size=4), max_size=12))
def test_alpha_is_its_definition(units: list[list[float]]) -> None:
    found = agreement(units, resamples=3)
    several = [unit for unit in units if len(unit) > 1]
    expected = by_definition(units) if len(several) > 1 else None
    assert (found is None) == (expected is None)
    if found is not None:
        assert found.alpha.value == pytest.approx(expected, abs=1e-9)
        assert found.units == len(several)


def test_raters_who_guess_agree_by_chance_and_copies_perfectly() -> None:
    draw = np.random.default_rng(0)
    guessed = agreement(draw.integers(1, 6, (400, 2)).astype(float).tolist())
    copied = agreement([[value, value] for value in draw.integers(1, 6, 50).astype(float)])
    assert guessed is not None
    assert copied is not None
    assert guessed.alpha.low < 0 < guessed.alpha.high
    assert copied.alpha.value == copied.alpha.low == copied.alpha.high == 1


@pytest.mark.parametrize("units", [[], [[1.0, 2.0]], [[1.0], [2.0], [3.0]], [[2.0, 2.0], [2.0, 2.0]]])
def test_what_cannot_be_measured_is_not(units: list[list[float]]) -> None:
    assert agreement(units) is None
