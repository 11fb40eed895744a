"""How the content of rows looks, by the kind of its fields: facets that no one has to declare."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.evaluate.slice_features import LENGTH, Facet, by_quartiles, by_value, facets_of_text, length
from teacherspec.tasks.columns.base import Column
from teacherspec.tasks.columns.image import ImageColumn
from teacherspec.tasks.columns.row_schema import RowSchema
from teacherspec.tasks.columns.text import TextColumn, TextListColumn
from teacherspec.tasks.shared.image_decoding import decode

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL.Image import Image


def looks_of(fields: RowSchema, rows: "Dataset", texts: Sequence[str]) -> list[Facet]:
    """Facets of the rows' content.

    Args:
        fields: what the rows hold.
        rows: a split.
        texts: the content of each row as a person reads it.
    """
    kinds = {type(field) for field in fields.content}
    found = looks_of_texts(texts) if kinds & {TextColumn, TextListColumn} else []
    for field in fields.content:
        if look := LOOKS.get(type(field)):
            found += look(rows[field.name][:])
    return found


def looks_of_texts(texts: Sequence[str]) -> list[Facet]:
    """Length and look of the texts of a row together."""
    return [by_quartiles(LENGTH, length(texts)), *facets_of_text(texts)]


def looks_of_images(contents: Sequence[bytes]) -> list[Facet]:
    """Size, shape, brightness, contrast and colour of images."""
    measured = [_measure(decode(content)) for content in contents]
    names = ("pixels", "width over height", "brightness (0 to 255)", "contrast (0 to 255)")
    numbers = [by_quartiles(name, [one[i] for one in measured]) for i, name in enumerate(names)]
    return [*numbers, by_value("colour", [one[4] for one in measured])]


def _measure(image: "Image") -> tuple[int, float, float, float, str]:
    values = np.asarray(image, np.int16)
    grey = values.mean(axis=2)
    spread = int((values.max(axis=2) - values.min(axis=2)).max())
    shape = (image.width * image.height, image.width / image.height)
    return *shape, float(grey.mean()), float(grey.std()), "grey" if spread == 0 else "coloured"


LOOKS: Mapping[type[Column], Callable[[Sequence[Any]], list[Facet]]] = {ImageColumn: looks_of_images}
"""Facets of the values of a field that is no text."""
