"""How the content of rows looks, by the kind of its fields: facets that no one has to declare."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from teacherspec.evaluate.facets import LENGTH, Facet, by_quartiles, facets_of_text, length
from teacherspec.tasks.fields import Field, RowFields, TextField, TextListField

if TYPE_CHECKING:
    from datasets import Dataset


def looks_of(fields: RowFields, rows: "Dataset", texts: Sequence[str]) -> list[Facet]:
    """Facets of the rows' content.

    Args:
        fields: what the rows hold.
        rows: a split.
        texts: the content of each row as a person reads it.
    """
    kinds = {type(field) for field in fields.content}
    found = looks_of_texts(texts) if kinds & {TextField, TextListField} else []
    for field in fields.content:
        if look := LOOKS.get(type(field)):
            found += look(rows[field.name])
    return found


def looks_of_texts(texts: Sequence[str]) -> list[Facet]:
    """Length and look of the texts of a row together."""
    return [by_quartiles(LENGTH, length(texts)), *facets_of_text(texts)]


LOOKS: Mapping[type[Field], Callable[[Sequence[Any]], list[Facet]]] = {}
"""Facets of the values of a field that is no text."""
