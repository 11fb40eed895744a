"""What ratings add up to: worked by hand, and whatever the numbers are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teacherspec.generated_answers import AnswerPair
from teacherspec.ratings.load_ratings import load_ratings
from teacherspec.ratings.pair_sampling import pairs_against
from teacherspec.ratings.sheet_key import load_keys
from teacherspec.ratings.win_rates import Level, compare, mean_score_interval, verdicts
from tests.unit.ratings.toy_ratings import Sheet, answered, make_sheet, write_reviews

LEVEL = Level(confidence=0.95, resamples=50, seed=0)


def measured(
    folder: Path, sheet: Sheet, answers: Sequence[AnswerPair], **files: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    write_reviews(folder, sheet, **files)
    keys = load_keys(folder)
    current = {pair.content for pair in pairs_against(answers, "base")}
    return compare(keys, verdicts(keys, load_ratings(folder, keys), current), current, LEVEL)


def test_one_rater_by_hand(tmp_path: Path) -> None:
    answers = answered(5)
    sheet = make_sheet(answers)
    sides = {"left": ("left_rating", "right_rating"), "right": ("right_rating", "left_rating")}
    lines = []
    for number, (better, teacher, other) in enumerate(
        [("teacher", 5, 1), ("teacher", 4, 2), ("tie", 3, 3), ("other", 2, 4), ("skip", 1, 1)]
    ):
        own, away = sides[sheet.key.items[number].teacher]
        lines.append(sheet.line(number, better, **{own: teacher, away: other}))
    found = measured(tmp_path, sheet, answers, ana=lines)
    assert found["pairs"] == {"shown": 5, "rated": 4, "identical": 0}
    assert (found["wins"], found["ties"], found["losses"], found["skipped"]) == (2, 1, 1, 1)
    assert found["win_rate"]["value"] == (1 + 1 + 0.5 + 0) / 4
    assert found["p_value"] == 1.0
    assert found["rating"]["teacher"]["value"] == (5 + 4 + 3 + 2) / 4
    assert found["rating"]["opponent"]["value"] == (1 + 2 + 3 + 4) / 4
    assert found["rating"]["difference"]["value"] == 1.0
    assert "alpha" not in found


def test_several_raters_count_as_one_voice_a_pair(tmp_path: Path) -> None:
    answers = answered(3)
    sheet = make_sheet(answers)
    ana = [sheet.line(number, "teacher") for number in range(3)]
    others = [{**sheet.line(0, better), "rater": name} for name, better in (("bo", "other"), ("cy", "tie"))]
    found = measured(tmp_path, sheet, answers, ana=ana, others=others)
    assert found["win_rate"]["value"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert (found["raters"], found["ratings"], found["pairs"]["rated"]) == (3, 5, 3)


def test_equal_answers_are_ties_that_no_one_rates(tmp_path: Path) -> None:
    answers = answered(10, same=6)
    sheet = make_sheet(answers)
    found = measured(tmp_path, sheet, answers, ana=[sheet.line(number, "teacher") for number in range(4)])
    assert found["pairs"] == {"shown": 4, "rated": 4, "identical": 6}
    assert found["win_rate_where_different"]["value"] == 1.0
    assert found["win_rate"]["value"] == pytest.approx(0.4 * 1 + 0.6 * 0.5)


def test_ratings_of_answers_no_longer_given_do_not_count(tmp_path: Path) -> None:
    answers = answered(4)
    sheet = make_sheet(answers)
    first = sheet.key.items[0].id
    now = [
        AnswerPair(
            row.id, row.prompt, row.references, "anew" if row.id == first else row.answer, row.base_answer
        )
        for row in answers
    ]
    found = measured(tmp_path, sheet, now, ana=[sheet.line(number, "other") for number in range(4)])
    assert found["pairs"] == {"shown": 3, "rated": 3, "identical": 0}
    assert found["win_rate"]["value"] == 0.0


votes = st.lists(
    st.tuples(
        st.integers(0, 7), st.sampled_from(["ana", "bo"]), st.sampled_from(["teacher", "other", "tie"])
    ),
    min_size=4,
    unique_by=lambda vote: vote[:2],
)


@settings(deadline=None, max_examples=30)
@given(votes)
def test_the_opponent_wins_what_the_teacher_loses(
    tmp_path_factory: pytest.TempPathFactory, given_votes: list[tuple[int, str, str]]
) -> None:
    answers = answered(8)
    sheet = make_sheet(answers)
    turned = {"teacher": "other", "other": "teacher", "tie": "tie"}
    one, other = (
        measured(
            tmp_path_factory.mktemp("votes"),
            sheet,
            answers,
            all=[{**sheet.line(n, change[better]), "rater": name} for n, name, better in order],
        )
        for change, order in (
            ({key: key for key in turned}, given_votes),
            (turned, list(reversed(given_votes))),
        )
    )
    if "win_rate" not in one:
        assert "win_rate" not in other
        return
    rate, mirrored = one["win_rate"], other["win_rate"]
    assert rate["value"] == pytest.approx(1 - mirrored["value"])
    assert (rate["low"], rate["high"]) == pytest.approx((1 - mirrored["high"], 1 - mirrored["low"]))
    assert (one["wins"], one["ties"], one["losses"]) == (other["losses"], other["ties"], other["wins"])
    assert one["p_value"] == other["p_value"]
    if "alpha" in one:
        assert one["alpha"]["preference"]["value"] == pytest.approx(other["alpha"]["preference"]["value"])


def test_the_interval_is_that_of_bonett_and_price() -> None:
    """Their formula from counts: 30 wins, 10 losses, 20 ties."""
    wins, losses, n = 31 / 62, 11 / 62, 62
    half = 1.959963984540054 * np.sqrt((wins + losses - (wins - losses) ** 2) / n)
    expected = [0.5 + (wins - losses + sign * half) / 2 for sign in (-1, 1)]
    found = mean_score_interval([1.0] * 30 + [0.0] * 10 + [0.5] * 20)
    assert found.value == pytest.approx(0.5 + 20 / 120)
    assert [found.low, found.high] == pytest.approx(expected)


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=200))
def test_the_interval_holds_the_value_and_has_a_width(scores: list[float]) -> None:
    found = mean_score_interval(scores)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.low < found.high


@pytest.mark.parametrize(("win", "tie"), [(0.5, 0.0), (0.3, 0.4), (0.9, 0.05), (0.97, 0.03)])
def test_the_interval_keeps_its_level(win: float, tie: float) -> None:
    draw = np.random.default_rng(1)
    truth, covered = win + tie / 2, 0
    for _ in range(1000):
        scores = draw.choice([1.0, 0.5, 0.0], 25, p=[win, tie, 1 - win - tie])
        found = mean_score_interval(scores)
        covered += found.low <= truth <= found.high
    assert covered >= 930


@pytest.mark.parametrize("scores", [[], [1.5], [-0.1], [float("nan")]])
def test_wrong_scores_are_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match=r"scores"):
        mean_score_interval(scores)
