"""Ranks with intervals, and which candidate is taken."""

import numpy as np
import pytest

from teacherspec.base.candidates.ranking import Rank, choose, possibly_best, ranks
from teacherspec.base.candidates.scores import HALF_SAMPLES, Score, mean_over_rows, over_half_samples

DRAW = np.random.default_rng(0)
HARD = DRAW.exponential(2.0, 400)
"""What every candidate loses on a row: far more than candidates differ by."""


def nll(extra: float, noise: float = 0.1) -> Score:
    values = HARD + extra + noise * DRAW.standard_normal(len(HARD))
    return mean_over_rows(values, np.ones(len(HARD)), higher_is_better=False)


def test_a_small_difference_on_the_same_rows_decides() -> None:
    """Unpaired, 0.1 would be lost in the noise of the rows (standard error 0.1 of each mean)."""
    ranked = ranks({"worse": nll(0.1), "better": nll(0.0), "worst": nll(0.2)})
    assert [ranked[name].value for name in ("better", "worse", "worst")] == [1, 2, 3]
    assert {(rank.low, rank.high) for rank in ranked.values()} == {(1, 1), (2, 2), (3, 3)}
    assert possibly_best(ranked) == ["better"]


def test_candidates_that_rows_do_not_tell_apart_are_undecided() -> None:
    """The negative control: two that differ by chance only, and a third that is clearly worse."""
    ranked = ranks({"one": nll(0.0, 1.0), "other": nll(0.0, 1.0), "worse": nll(1.0)})
    assert set(possibly_best(ranked)) == {"one", "other"}
    assert ranked["worse"] == Rank(3, 3, 3)


def test_an_interval_that_overlaps_without_the_first_rank_is_not_the_best() -> None:
    """The third ranks below one or both of the others in every resample, whichever of them is the best."""
    ranked = {"one": Rank(1, 1, 2), "other": Rank(2, 1, 3), "third": Rank(3, 2, 3)}
    assert possibly_best(ranked) == ["one", "other"]


def test_equal_scores_share_a_rank() -> None:
    same = nll(0.0)
    assert set(ranks({"one": same, "other": same}).values()) == {Rank(1.5, 1.5, 1.5)}


def test_higher_is_better_where_the_score_says_so() -> None:
    right = mean_over_rows(np.ones(50), np.ones(50), higher_is_better=True)
    wrong = mean_over_rows(np.zeros(50), np.ones(50), higher_is_better=True)
    assert possibly_best(ranks({"wrong": wrong, "right": right})) == ["right"]


@pytest.mark.parametrize(("undecided", "taken"), [("smallest", "small"), ("first", "large")])
def test_what_is_taken_where_nothing_is_decided(undecided: str, taken: str) -> None:
    sizes = {"large": 300, "small": 100, "middle": 200, "tiny but worse": 1}
    assert choose(["large", "middle", "small"], sizes, undecided) == taken  # type: ignore[arg-type]


def test_of_equally_small_ones_the_better_ranked_is_taken() -> None:
    assert choose(["second", "first"], {"first": 5, "second": 5}, "smallest") == "second"


def test_a_mean_over_units_weighs_rows_by_their_units() -> None:
    """Bits per byte: a long answer counts by its bytes."""
    score = mean_over_rows([10.0, 90.0], [10, 30], higher_is_better=False)
    assert score.value == pytest.approx(100 / 40)
    assert set(np.round(score.draws.resampled, 6)) == {1.0, 2.5, 3.0}


def test_halves_vary_as_a_mean_does_and_lie_around_the_whole() -> None:
    values = np.random.default_rng(1).normal(5.0, 2.0, 2000)
    score = over_half_samples(lambda rows: float(values[rows].mean()), len(values))
    assert score.value == pytest.approx(values.mean())
    assert score.draws.resampled.mean() == pytest.approx(score.value)
    assert len(score.draws.resampled) == HALF_SAMPLES
    assert score.draws.resampled.std() == pytest.approx(values.std() / np.sqrt(len(values)), rel=0.25)
