"""Prompts of a zero-shot classifier: a text for an image of each class."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

LABEL = "label"
"""The slot that the words of the class fill; every other slot is a column of the rows."""

_SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def _names_the_label(template: str) -> str:
    if LABEL not in _SLOT.findall(template):
        raise ValueError(f"has no {{label}}: all classes would have the same prompt (given {template!r})")
    if "image" in _SLOT.findall(template):
        raise ValueError(f"an image has no words (given {template!r}); name a column of text")
    return template


Template = Annotated[str, Field(min_length=7, max_length=1000), AfterValidator(_names_the_label)]


def text_columns(templates: Sequence[str]) -> tuple[str, ...]:
    """Columns that the templates name besides the label, in the order of their first use."""
    slots = [slot for template in templates for slot in _SLOT.findall(template)]
    return tuple(dict.fromkeys(slot for slot in slots if slot != LABEL))


def filled(template: str, words: str, row: Mapping[str, Any]) -> str:
    """The template with the words of a class and the texts of a row in its slots."""
    return _SLOT.sub(lambda slot: words if slot[1] == LABEL else str(row[slot[1]]), template)


def prompts(
    templates: Sequence[str], names: Sequence[str], phrases: Mapping[str, str], row: Mapping[str, Any]
) -> list[str]:
    """All templates of the first class, then of the second: C·T texts.

    Args:
        templates: T of them.
        names: C label names.
        phrases: label name → its words, where they are not the name itself.
        row: gives the texts of the other slots.
    """
    return [filled(template, phrases.get(name, name), row) for name in names for template in templates]
