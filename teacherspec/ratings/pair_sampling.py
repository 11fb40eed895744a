"""Sampling of the pairs of answers to rate: random, each pair once, sides balanced, without names."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from teacherspec.errors import DataError
from teacherspec.generated_answers import AnswerPair
from teacherspec.runtime.atomic_io import sha256_bytes

Opponent = Literal["base", "reference"]
"""What the teacher is compared with: the untrained base, or the first reference of each row."""

Side = Literal["left", "right"]


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt.

    Attributes:
        id: of the row.
        prompt: the prompt.
        teacher: answer of the teacher.
        other: answer of its opponent.
        expected: a right answer to show with the two; None to show none.
        pictures: images of the prompt, PNG or JPEG.
    """

    id: str
    prompt: str
    teacher: str
    other: str
    expected: str | None = None
    pictures: tuple[bytes, ...] = ()

    @property
    def content(self) -> str:
        """Digest of the prompt and both answers: whether a rating is of the current answer."""
        prompt = [self.prompt, *map(sha256_bytes, self.pictures)]
        return sha256_bytes(json.dumps([*prompt, self.teacher, self.other]).encode("utf-8"))

    @property
    def identical(self) -> bool:
        """Whether the answers are equal but for white space at the ends."""
        return self.teacher.strip() == self.other.strip()


@dataclass(frozen=True)
class Drawn:
    """The pairs of one sheet.

    Attributes:
        shown: pairs to rate, in the order of the sheet.
        teacher_side: side of the teacher's answer for each pair shown; as often left as right.
        identical: pairs that need no rating: both answers are equal, a tie.
        repeated: rows left out because a row drawn before has the same prompt and answers.
    """

    shown: tuple[Pair, ...]
    teacher_side: tuple[Side, ...]
    identical: tuple[Pair, ...]
    repeated: int


def pairs_against(
    answers: Sequence[AnswerPair], opponent: Opponent, show_expected: bool = False
) -> list[Pair]:
    """Pairs of the teacher's and its opponent's answer, for every row that has both.

    Args:
        answers: what `evaluate` left.
        opponent: `base` or `reference`.
        show_expected: whether the first reference is shown with the two answers.

    Raises:
        DataError: no row has an answer of the opponent.
    """
    found = []
    for one in answers:
        first = one.references[0] if one.references else None
        other = one.base_answer if opponent == "base" else first
        if other is not None:
            expected = first if show_expected else None
            found.append(Pair(one.id, one.prompt, one.answer, other, expected, one.pictures))
    if not found:
        lacking = {"base": "an answer of the base", "reference": "a reference"}[opponent]
        instead = {"base": "reference", "reference": "base"}[opponent]
        raise DataError(
            f"answers: none of {len(answers)} rows has {lacking}; compare with `--against {instead}`"
        )
    return found


def draw(pairs: Sequence[Pair], count: int, seed: str) -> Drawn:
    """Draw `count` pairs, shuffle them, and give the teacher a side in each.

    Rows with equal prompt and answers count once. Identical answers count among the `count` drawn, so that
    what is measured on the sheet holds for all rows, but are not shown.

    Args:
        pairs: to draw from.
        count: how many pairs to draw, all when there are fewer.
        seed: of order and sides; whoever knows it knows the sides.

    Raises:
        ValueError: `count` is below 1.
    """
    if count < 1:
        raise ValueError(f"count: given {count}; expected at least 1")
    shuffled = sorted(pairs, key=lambda pair: _rank(seed, "order", pair.id))
    unique = list({pair.content: pair for pair in reversed(shuffled)}.values())[::-1]
    drawn = unique[:count]
    shown = tuple(pair for pair in drawn if not pair.identical)
    by_coin = sorted(range(len(shown)), key=lambda number: _rank(seed, "side", shown[number].id))
    first, second = _sides(seed)
    lefts = set(by_coin[: len(shown) // 2])
    return Drawn(
        shown=shown,
        teacher_side=tuple(first if number in lefts else second for number in range(len(shown))),
        identical=tuple(pair for pair in drawn if pair.identical),
        repeated=len(pairs) - len(unique),
    )


def _sides(seed: str) -> tuple[Side, Side]:
    """Both sides in random order: of an odd number of pairs the larger half falls on either."""
    return ("left", "right") if _rank(seed, "half", "")[0] < 128 else ("right", "left")


def _rank(seed: str, purpose: str, what: str) -> bytes:
    """A pseudo-random place in an order, the same on every machine."""
    return hashlib.sha256(json.dumps([seed, purpose, what]).encode("utf-8")).digest()


def token(seed: str, pair: Pair) -> str:
    """Name of a pair on the sheet, which does not reveal its row; a letter first, to be no number."""
    return "p" + _rank(seed, "token", pair.id).hex()[:12]
