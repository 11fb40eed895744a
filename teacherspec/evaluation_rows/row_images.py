"""Small copies of the images of rows, for the page of a teacher, contact sheets and human evaluation."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.image_decoding import encode_small

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL.Image import Image

RATING_SHEET_SIDE = 384
"""Longer side of an image on a rating sheet, pixels."""


def row_images(
    schema: RowSchema, splits: "Mapping[str, Dataset]", wanted: Iterable[tuple[str, str]], side: int
) -> "dict[tuple[str, str], Image]":
    """The first image of rows by (split, row id), at most `side` pixels; empty for rows without images."""
    if not schema.images():
        return {}
    column = schema.images()[0]
    images = {}
    for split in sorted({split for split, _ in wanted}):
        ids = {row for name, row in wanted if name == split}
        places = [place for place, row in enumerate(splits[split]["id"]) if row in ids]
        for row in splits[split].select(places):
            images[split, row["id"]] = next(column.thumbnails(row[column.name], side))
    return images


def rating_images(schema: RowSchema, row: Mapping[str, Any]) -> tuple[bytes, ...]:
    """All images of a row, encoded for a rating sheet; none where there are none."""
    return tuple(
        encode_small(image)
        for column in schema.images()
        for image in column.thumbnails(row[column.name], RATING_SHEET_SIDE)
    )
