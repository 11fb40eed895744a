"""Changes to a text under which a person would answer the same.

A change that finds nothing to do returns the text it was given.
"""

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

TYPO_RATE = 0.05
"""Share of letters mistyped, at least one a text, as NL-Augmenter's butter fingers (Dhole et al. 2021)."""

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

ENDINGS = (".", "!", "?", "...", " !!")


def typos(text: str, draw: "np.random.Generator") -> str:
    """Mistype letters: drop, double or swap one with the next, or hit its neighbour on the keyboard."""
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    if not letters:
        return text
    count = max(1, int(draw.binomial(len(letters), TYPO_RATE)))
    characters = list(text)
    # From the end, so that earlier positions stay valid.
    for place in sorted(draw.choice(letters, size=count, replace=False).tolist(), reverse=True):
        _TYPOS[int(draw.integers(len(_TYPOS)))](characters, place, draw)
    changed = "".join(characters)
    return changed if changed.strip() else text


def _drop(characters: list[str], place: int, draw: "np.random.Generator") -> None:  # noqa: ARG001
    del characters[place]


def _double(characters: list[str], place: int, draw: "np.random.Generator") -> None:  # noqa: ARG001
    characters.insert(place, characters[place])


def _swap(characters: list[str], place: int, draw: "np.random.Generator") -> None:
    pair = characters[place : place + 2]
    if len(set(pair)) == 2:
        characters[place : place + 2] = pair[::-1]
    else:
        _double(characters, place, draw)


def _hit_neighbour(characters: list[str], place: int, draw: "np.random.Generator") -> None:
    letter = characters[place]
    row = next((row for row in KEYBOARD if letter.lower() in row), "")
    if row:
        at = row.index(letter.lower())
        near = [*row[max(at - 1, 0) : at], *row[at + 1 : at + 2]]
        hit = near[int(draw.integers(len(near)))]
        characters[place] = hit.upper() if letter.isupper() else hit
    else:
        _double(characters, place, draw)


_TYPOS = (_drop, _double, _swap, _hit_neighbour)


def case(text: str, draw: "np.random.Generator") -> str:
    """Write everything in lower case or everything in upper case, whichever changes the text."""
    variants = sorted({text.lower(), text.upper()} - {text})
    return variants[int(draw.integers(len(variants)))] if variants else text


def punctuation(text: str, draw: "np.random.Generator") -> str:
    """Remove all punctuation; a text without any gets one or more marks at its end.

    Marks inside numbers stay, and a mark that separates two words (`and/or`) becomes a space.
    """
    padded = f" {text} "
    triples = zip(padded, padded[1:], padded[2:], strict=False)
    bare = "".join(_without_mark(before, c, after) for before, c, after in triples)
    if bare == text:
        return text.rstrip() + ENDINGS[int(draw.integers(len(ENDINGS)))]
    return bare if bare.strip() else text


def _without_mark(before: str, character: str, after: str) -> str:
    """The character, or what replaces it where it is punctuation."""
    if not unicodedata.category(character).startswith("P") or (before.isdigit() and after.isdigit()):
        return character
    return " " if before.isalnum() and after.isalnum() and character not in "'’" else ""
