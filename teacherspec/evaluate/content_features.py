"""Slicing features of the content of rows, by the type of its columns: features that need no declaration."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.evaluation_rows.slice_features import (
    LENGTH,
    SlicingFeature,
    by_quartiles,
    by_value,
    column_features,
    length,
    text_style_features,
)
from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.columns.image import ImageColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn, TextListColumn
from teacherspec.tasks.shared.image_decoding import decode
from teacherspec.text.words import words

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL.Image import Image

VALUES_AT_ONCE = 64
"""Values that are read together: few enough for images, many enough for short texts to be read fast."""


@dataclass(frozen=True)
class RowContent:
    """The content of N rows, independent of any model.

    Attributes:
        texts: `[N]`, the content of each row as a person reads it.
        features: slicing features of the content.
        columns: kept column → its `[N]` values (texts, numbers or None).
    """

    texts: Sequence[str]
    features: Sequence[SlicingFeature]
    columns: Mapping[str, Sequence[Any]]

    def slicing_features(self) -> list[SlicingFeature]:
        """Features of the content and of the kept columns."""
        return [*self.features, *column_features(self.columns)]


def read_content(schema: RowSchema, rows: "Dataset") -> RowContent:
    """Read the rows of a split."""
    contents = [list(map(column.text, values_of(rows, column.name))) for column in schema.content]
    texts = ["\n".join(parts) for parts in zip(*contents, strict=True)]
    own = {"id", *(column.name for column in schema.columns())}
    columns = {name: rows[name][:] for name in rows.column_names if name not in own}
    return RowContent(texts, content_features(schema, rows, texts), columns)


def content_features(schema: RowSchema, rows: "Dataset", texts: Sequence[str]) -> list[SlicingFeature]:
    """Slicing features of the rows' content.

    Args:
        schema: the columns of the task.
        rows: a split.
        texts: the content of each row as a person reads it.
    """
    types = {type(column) for column in schema.content}
    features = text_features(texts) if types & {TextColumn, TextListColumn} else []
    for column in schema.content:
        if compute := FEATURES.get(type(column)):
            features += compute(values_of(rows, column.name))
    return features + pair_features(schema, rows) if schema.pair_order is not None else features


def pair_features(schema: RowSchema, rows: "Dataset") -> list[SlicingFeature]:
    """Length of each text of a pair, and how many words of the second the first has too: a shortcut that
    models of pairs learn (McCoy et al. 2019, arXiv 1902.01007)."""
    first, second = (list(values_of(rows, column.name)) for column in schema.content)
    named = zip(schema.content, (first, second), strict=True)
    shares = [word_overlap(one, other) for one, other in zip(first, second, strict=True)]
    return [
        *(by_quartiles(f"length of {column.name} (characters)", length(texts)) for column, texts in named),
        by_quartiles("share of shared words", shares),
    ]


def word_overlap(first: str, second: str) -> float:
    """Share of the different words of `second` that `first` has too, in whatever case; 0 without words."""
    own, other = ({word.casefold() for word in words(text)} for text in (second, first))
    return round(len(own & other) / len(own), 3) if own else 0.0


def values_of(rows: "Dataset", name: str) -> Iterator[Any]:
    """The values of a column, some at once: those of images would not fit into memory together."""
    parts = rows.select_columns([name]).iter(batch_size=VALUES_AT_ONCE)
    return (value for part in parts for value in part[name])


def text_features(texts: Sequence[str]) -> list[SlicingFeature]:
    """Length and style of the texts of each row together."""
    return [by_quartiles(LENGTH, length(texts)), *text_style_features(texts)]


def image_features(contents: Iterable[bytes]) -> list[SlicingFeature]:
    """Size, aspect ratio, brightness, contrast and colour of images."""
    measures = [_measure(decode(content)) for content in contents]
    names = ("pixels", "width over height", "brightness (0 to 255)", "contrast (0 to 255)")
    numbers = [by_quartiles(name, [one[i] for one in measures]) for i, name in enumerate(names)]
    return [*numbers, by_value("colour", [one[4] for one in measures])]


def _measure(image: "Image") -> tuple[int, float, float, float, str]:
    values = np.asarray(image, np.int16)
    grey = values.mean(axis=2)
    spread = int((values.max(axis=2) - values.min(axis=2)).max())
    shape = (image.width * image.height, image.width / image.height)
    return *shape, float(grey.mean()), float(grey.std()), "grey" if spread == 0 else "coloured"


FEATURES: Mapping[type[Column], Callable[[Iterable[Any]], list[SlicingFeature]]] = {
    ImageColumn: image_features
}
"""Type of a column that holds no text → slicing features of its values."""
