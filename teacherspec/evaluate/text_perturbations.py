"""Changes to a row under which a person would answer the same.

They belong to the kind of field and not to the task, so that a task neither names them nor is trained
anew when one of them changes. `robustness` calls each with a generator seeded by the row's id, so that a
row changes the same way wherever it stands. A change that finds nothing to do returns what it was given.
"""

import unicodedata
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from teacherspec.evaluate.image_corruptions import CORRUPTIONS
from teacherspec.tasks.columns.base import Column
from teacherspec.tasks.columns.image import ImageColumn
from teacherspec.tasks.columns.row_schema import RowSchema
from teacherspec.tasks.columns.text import TextColumn

if TYPE_CHECKING:
    import numpy as np

Perturbation = Callable[[Mapping[str, Any], "np.random.Generator"], dict[str, Any]]
"""From a row and a generator to the changed row."""

Change = Callable[[Any, "np.random.Generator"], Any]
"""From the value of a field and a generator to the changed value."""

TYPO_RATE = 0.05
"""Share of letters mistyped, at least one a text, as NL-Augmenter's butter fingers (Dhole et al. 2021)."""

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

ENDINGS = (".", "!", "?", "...", " !!")


def typos(text: str, draw: "np.random.Generator") -> str:
    """Mistype letters: one dropped, doubled, swapped with the next, or its neighbour on the keyboard hit."""
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    if not letters:
        return text
    count = max(1, int(draw.binomial(len(letters), TYPO_RATE)))
    characters = list(text)
    # From the end, so that earlier positions stay true.
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
    """Write all in small letters or all in capitals: one that changes the text."""
    variants = sorted({text.lower(), text.upper()} - {text})
    return variants[int(draw.integers(len(variants)))] if variants else text


def punctuation(text: str, draw: "np.random.Generator") -> str:
    """Leave all punctuation out; a text without any gets a mark or two at its end.

    Marks inside numbers stay, and those that part two words (`and/or`) leave a space.
    """
    padded = f" {text} "
    triples = zip(padded, padded[1:], padded[2:], strict=False)
    bare = "".join(_without_mark(before, c, after) for before, c, after in triples)
    if bare == text:
        return text.rstrip() + ENDINGS[int(draw.integers(len(ENDINGS)))]
    return bare if bare.strip() else text


def _without_mark(before: str, character: str, after: str) -> str:
    """What stays of a character between its neighbours."""
    if not unicodedata.category(character).startswith("P") or (before.isdigit() and after.isdigit()):
        return character
    return " " if before.isalnum() and after.isalnum() and character not in "'’" else ""


CHANGES: Mapping[type[Column], Mapping[str, Change]] = {
    TextColumn: {"typos": typos, "case": case, "punctuation": punctuation},
    ImageColumn: CORRUPTIONS,
}
"""What can be changed in a field of each kind."""


def perturbations_of(fields: RowSchema) -> dict[str, Perturbation]:
    """Every perturbation that some field of the content knows, by name; it changes all that know it."""
    names = sorted({name for field in fields.content for name in CHANGES.get(type(field), {})})
    return {name: partial(_perturb, fields.content, name) for name in names}


def _perturb(
    content: tuple[Column, ...], name: str, row: Mapping[str, Any], draw: "np.random.Generator"
) -> dict[str, Any]:
    changed = dict(row)
    for field in content:
        if change := CHANGES.get(type(field), {}).get(name):
            changed[field.name] = change(row[field.name], draw)
    return changed
