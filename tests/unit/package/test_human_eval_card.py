"""What the card says of human evaluation."""

from typing import Any

from teacherspec.package.card.human_eval_card import human_evaluation


def number(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


FOUND: dict[str, Any] = {
    "pairs": {"shown": 50, "rated": 40, "identical": 10},
    "ratings": 70,
    "raters": 2,
    "wins": 25,
    "ties": 5,
    "losses": 10,
    "win_rate": number(0.625),
    "rating": {"pairs": 40, "teacher": number(4.2), "opponent": number(2.1), "difference": number(2.1)},
    "alpha": {"preference": {**number(0.71), "units": 30}},
}


def test_no_ratings_are_no_section() -> None:
    assert human_evaluation({}) == ""
    assert human_evaluation({"base": {"pairs": {"rated": 1}}}) == ""


def test_the_section_has_every_number_with_its_interval() -> None:
    text = human_evaluation({"base": FOUND})
    assert text.startswith("## Human evaluation\n")
    assert (
        "- Against the untrained base: win rate 0.625 (0.525–0.725); 25 won, 5 tied and 10 lost of 40 pairs "
        "rated, 10 more with the same answer; 70 ratings by 2 people.\n"
    ) in text
    assert "4.20 (4.10–4.30) for the teacher, 2.10 (2.00–2.20) for the untrained base, on 40 pairs" in text
    assert "preference: Krippendorff's alpha 0.71 (0.61–0.81), on 30 pairs" in text
    assert "A tie counts as half a win" in text


def test_agreement_that_was_not_measured_is_said() -> None:
    lonely = {key: value for key, value in FOUND.items() if key not in {"alpha", "rating"}} | {"raters": 1}
    text = human_evaluation({"reference": lonely})
    assert "Against the reference answers" in text
    assert "by 1 person." in text
    assert "not measured; too few pairs were rated by two people or more" in text
    assert "Mean rating" not in text
