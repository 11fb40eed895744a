"""Pairs are drawn by chance alone, each once, as often left as right."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teacherspec.errors import DataError
from teacherspec.generated_answers import AnswerPair
from teacherspec.ratings.pair_sampling import draw, pairs_against, token
from tests.unit.ratings.toy_ratings import answered


@settings(deadline=None, max_examples=50)
@given(rows=st.integers(1, 40), same=st.integers(0, 40), count=st.integers(1, 50), seed=st.text())
def test_every_draw_is_balanced_and_whole(rows: int, same: int, count: int, seed: str) -> None:
    pairs = pairs_against(answered(rows, min(same, rows)), "base")
    drawn = draw(pairs, count, seed)
    together = [*drawn.shown, *drawn.identical]
    assert len(together) == min(count, rows)
    assert len({pair.id for pair in together}) == len(together)
    assert not any(pair.identical for pair in drawn.shown)
    assert all(pair.identical for pair in drawn.identical)
    lefts = drawn.teacher_side.count("left")
    assert abs(2 * lefts - len(drawn.shown)) <= 1
    assert drawn == draw(list(reversed(pairs)), count, seed)
    assert len({token(seed, pair) for pair in together}) == len(together)


def test_seeds_draw_differently() -> None:
    pairs = pairs_against(answered(30), "base")
    orders = {tuple(pair.id for pair in draw(pairs, 30, str(seed)).shown) for seed in range(20)}
    sides = {draw(pairs, 30, str(seed)).teacher_side for seed in range(20)}
    assert len(orders) == len(sides) == 20


def test_sides_fall_evenly_on_each_pair_over_seeds() -> None:
    pairs = pairs_against(answered(3), "base")
    lefts = dict.fromkeys((pair.id for pair in pairs), 0)
    for seed in range(600):
        drawn = draw(pairs, 3, str(seed))
        for pair, side in zip(drawn.shown, drawn.teacher_side, strict=True):
            lefts[pair.id] += side == "left"
    # Four standard deviations of a fair coin.
    assert all(abs(count - 300) < 4 * (600 / 4) ** 0.5 for count in lefts.values()), lefts


def test_a_repeated_row_is_drawn_once() -> None:
    rows = answered(4)
    twin = AnswerPair("twin", rows[0].prompt, rows[0].references, rows[0].answer, rows[0].base_answer)
    drawn = draw(pairs_against([*rows, twin], "base"), 10, "seed")
    assert (len(drawn.shown), drawn.repeated) == (4, 1)


def test_the_opponent_is_who_was_asked_for() -> None:
    (row,) = answered(1)
    (base,) = pairs_against([row], "base", show_expected=True)
    (reference,) = pairs_against([row], "reference")
    assert (base.other, base.expected) == ("bad 0", "expected 0")
    assert (reference.other, reference.expected) == ("expected 0", None)


def test_rows_without_the_opponent_are_left_out_and_none_at_all_is_refused() -> None:
    alone = AnswerPair("a", "prompt", (), "answer", None)
    assert [pair.id for pair in pairs_against([alone, *answered(2)], "base")] == ["row-0", "row-1"]
    with pytest.raises(DataError, match=r"none of 1 rows has an answer of the base.*--against reference"):
        pairs_against([alone], "base")
    with pytest.raises(DataError, match="none of 1 rows has a reference; compare with `--against base`"):
        pairs_against([alone], "reference")
