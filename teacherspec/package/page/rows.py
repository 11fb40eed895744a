"""Rows of the splits on the page: a small picture where a row has an image, and the text of it."""

from collections.abc import Iterable, Mapping

from teacherspec.evaluation_rows.row_images import row_images
from teacherspec.package.page.content import Cell
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.runtime.html_pages import inline_picture
from teacherspec.splits import open_split
from teacherspec.tasks.shared.image_decoding import encode_png

THUMBNAIL = 96
"""Longer side of a picture on the page, pixels."""


def row_pictures(inputs: PageInputs, wanted: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
    """(split, row id) → the first image of the row as the value of a `src` attribute; none of texts."""
    schema = inputs.task.row_schema()
    if not schema.images():
        return {}
    rows = set(wanted)
    prepared = inputs.outputs.prepared.splits
    splits = {name: open_split(prepared[name]) for name in sorted({split for split, _ in rows})}
    images = row_images(schema, splits, rows, THUMBNAIL)
    return {key: inline_picture(encode_png(image)) for key, image in images.items()}


def content(pictures: Mapping[tuple[str, str], str], split: str, row: Mapping[str, str]) -> Cell:
    """The content of a row of a report, which has its `id` and `text`."""
    return Cell(row["text"], image=pictures.get((split, row["id"]), ""))
