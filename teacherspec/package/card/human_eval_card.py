"""Results of the human evaluation, for the card."""

from collections.abc import Iterator, Mapping
from typing import Any

from teacherspec.package.card.card_findings import interval
from teacherspec.package.quality_gates import Measurement

OPPONENTS = {"base": "the untrained base", "reference": "the reference answers"}
"""Key of the report → its name on the card."""


def human_evaluation(ratings: Mapping[str, Any]) -> str:
    """The section on human evaluation; empty where too few pairs were rated.

    Args:
        ratings: `metrics.json` of the stage `ratings`.
    """
    lines = human_sentences(ratings)
    if not lines:
        return ""
    return (
        "## Human evaluation\n\nPeople compared answers two at a time without knowing whose they were, sides "
        "shuffled. A tie counts as half a win, and so do prompts on which both answers are the same. "
        "Intervals in brackets.\n\n" + "\n".join(f"- {line}" for line in lines)
    )


def human_sentences(ratings: Mapping[str, Any]) -> list[str]:
    """What people's ratings show; none where too few pairs were rated."""
    return [
        line
        for opponent, name in OPPONENTS.items()
        if "win_rate" in ratings.get(opponent, {})
        for line in _lines(name, ratings[opponent])
    ]


def _lines(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    pairs, raters = found["pairs"], found["raters"]
    yield (
        f"Against {name}: win rate {_interval(found['win_rate'])}; {found['wins']} won, {found['ties']} tied "
        f"and {found['losses']} lost of {pairs['rated']} pairs rated, {pairs['identical']} more with the "
        f"same answer; {found['ratings']} ratings by {raters} {'person' if raters == 1 else 'people'}."
    )
    if "rating" in found:
        rating = found["rating"]
        yield (
            f"Mean rating, 1 to 5: {_interval(rating['teacher'], 2)} for the teacher, "
            f"{_interval(rating['opponent'], 2)} for {name}, on {rating['pairs']} pairs."
        )
    for what, alpha in found.get("alpha", {}).items():
        yield (
            f"Agreement of raters on the {what}: Krippendorff's alpha {_interval(alpha, 2)}, on "
            f"{alpha['units']} {'pairs' if what == 'preference' else 'answers'} that several people rated."
        )
    if "alpha" not in found:
        yield "Agreement between raters: not measured; too few pairs were rated by two people or more."


def _interval(found: Mapping[str, float], digits: int = 3) -> str:
    return interval(Measurement(found["value"], found["low"], found["high"]), digits)
