"""How many of something there are, in the ways that people say it."""

import random
from collections.abc import Callable
from typing import TypeVar

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven")
NUMBERS = (1, 1, 1, 2, 2, 2, 3, 3, 4, 5)
"""How often people name which."""

Draw = random.Random
Seen = TypeVar("Seen")
"""What is looked at: towers or boxes of a picture, one of them, or one item."""
Phrase = tuple[str, Callable[[Seen], bool]]
"""Words, and of what they hold."""


def plural(number: int) -> str:
    """The ending of a noun."""
    return "" if number == 1 else "s"


def number_word(number: int, draw: Draw) -> str:
    """Digits or a word."""
    return draw.choice([str(number), WORDS[number]])


def both(first: Phrase[Seen], second: Phrase[Seen], joint: str) -> Phrase[Seen]:
    """Two phrases that hold together."""
    (words, holds), (more, too) = first, second
    return f"{words}{joint}{more}", lambda seen: holds(seen) and too(seen)


def counted(count: Callable[[Seen], int], most: int, one: str, many: str, draw: Draw) -> Phrase[Seen]:
    """A statement on a number.

    Args:
        count: how many there are.
        most: the largest number worth naming.
        one: one of them in words.
        many: several in words.
        draw: chance.
    """
    how = draw.random()
    if how < 0.25:
        return f"There is a {one}", lambda seen: count(seen) > 0
    if how < 0.33:
        return f"There is no {one}", lambda seen: count(seen) == 0
    number = draw.choice([number for number in NUMBERS if number <= most])
    said = f"{number_word(number, draw)} {one if number == 1 else many}"
    start = f"There {'is' if number == 1 else 'are'}"
    if how < 0.55:
        least = draw.choice(["at least", "at least", "atleast"])
        return f"{start} {least} {said}", lambda seen: count(seen) >= number
    just = draw.choice(["", "exactly ", "exactly ", "only "])
    return f"{start} {just}{said}", lambda seen: count(seen) == number
