"""Unicode forms of texts, in time that grows with their length."""

import re
import unicodedata
from functools import cache
from typing import Literal

_END_OF_MARKS = 0x20000
"""No later character modifies the one before it, but for variation selectors, which need no order."""
_MOST_MARKS = 30
"""Marks on one letter that natural language needs at most (UAX #15, the stream-safe text format)."""


def unicode_form(form: Literal["NFC", "NFKC"], text: str) -> str:
    """The normalised text, as `unicodedata.normalize` gives it.

    Python orders the marks on a letter by insertion, which takes time that grows with the square of their
    number: seconds for 100,000 marks. Long runs are therefore decomposed and ordered before; this changes
    nothing, as the form of a text depends on no order that the canonical ordering decides.
    """
    if text.isascii():
        return text
    if len(text) > _MOST_MARKS:
        text = _long_runs_of_marks().sub(_ordered, text)
    return unicodedata.normalize(form, text)


def _ordered(run: re.Match[str]) -> str:
    decomposed = "".join(unicodedata.normalize("NFD", mark) for mark in run.group())
    return "".join(sorted(decomposed, key=unicodedata.combining))


@cache
def _long_runs_of_marks() -> re.Pattern[str]:
    """Matches runs of characters that only modify the one before them."""
    marks = [
        character
        for character in map(chr, range(0x300, _END_OF_MARKS))
        if unicodedata.category(character).startswith("M")
        and all(unicodedata.combining(part) for part in unicodedata.normalize("NFD", character))
    ]
    return re.compile(f"[{''.join(marks)}]{{{_MOST_MARKS + 1},}}")


def is_blank(text: str) -> bool:
    """Whether a text holds only white space and invisible format characters."""
    if text.isascii():
        return not text.strip()
    return all(c.isspace() or unicodedata.category(c) == "Cf" for c in text)
