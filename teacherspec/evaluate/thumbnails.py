"""Rows as pictures: thumbnails for the page, and contact sheets of the telling ones."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.evaluate.classification.analysis import Analysis
from teacherspec.evaluate.classification.label_errors import Example
from teacherspec.tasks.columns.row_schema import RowSchema
from teacherspec.tasks.shared.image_decoding import encode_png, encode_small

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

THUMBNAIL = 96
"""Longer side of a thumbnail, pixels."""

SHEET = 384
"""Longer side of an image on a review sheet, pixels."""

CELL = 160
"""Side of a picture on a contact sheet, pixels."""

COLUMNS = 5
CAPTION = 34
"""Height of the two lines below a picture, pixels."""

LETTERS, LETTER = 24, 11
"""Letters of a caption at most, and their size in pixels."""


def shown_rows(analysis: Analysis) -> set[tuple[str, str]]:
    """(split, row id) of the rows that the page shows."""
    examples = {("test", example.id) for example in analysis.examples}
    return examples | {(suspect.split, suspect.id) for suspect in analysis.suspects}


def pictures(
    fields: RowSchema, splits: "Mapping[str, Dataset]", wanted: Iterable[tuple[str, str]], side: int
) -> "dict[tuple[str, str], Image]":
    """Pictures of rows by (split, row id), at most `side` pixels; of rows that are for the eye."""
    if not fields.images():
        return {}
    field = fields.images()[0]
    found = {}
    for split in sorted({split for split, _ in wanted}):
        ids = {row for name, row in wanted if name == split}
        places = [place for place, row in enumerate(splits[split]["id"]) if row in ids]
        for row in splits[split].select(places):
            found[split, row["id"]] = next(field.thumbnails(row[field.name], side))
    return found


def thumbnails(
    fields: RowSchema, splits: "Mapping[str, Dataset]", wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """(split, row id) → the picture as the value of a `src` attribute."""
    drawn = pictures(fields, splits, wanted, THUMBNAIL)
    return {
        key: "data:image/png;base64," + base64.b64encode(encode_png(picture)).decode("ascii")
        for key, picture in drawn.items()
    }


def small_pictures(fields: RowSchema, row: Mapping[str, Any]) -> tuple[bytes, ...]:
    """All images of a row, for people to judge what is said of them; none where there are none."""
    return tuple(
        encode_small(picture)
        for field in fields.images()
        for picture in field.thumbnails(row[field.name], SHEET)
    )


def contact_sheets(
    fields: RowSchema, splits: "Mapping[str, Dataset]", examples: Sequence[Example]
) -> dict[str, bytes]:
    """Kind of telling example → PNG of its pictures in order, with label, answer and confidence."""
    drawn = pictures(fields, splits, {("test", example.id) for example in examples}, CELL)
    if not drawn:
        return {}
    kinds = sorted({example.kind for example in examples})
    return {
        kind: encode_png(
            contact_sheet([(drawn["test", one.id], _caption(one)) for one in examples if one.kind == kind])
        )
        for kind in kinds
    }


def _caption(example: Example) -> tuple[str, str]:
    return example.label, f"→ {example.predicted} {example.confidence:.2f}"


def caption_font() -> "FreeTypeFont":
    """The font that matplotlib carries: Pillow's own lacks arrows, Greek, Cyrillic and more."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", LETTER)


def contact_sheet(cells: "Sequence[tuple[Image, tuple[str, str]]]") -> "Image":
    """Pictures in rows of `COLUMNS`, each above its two lines."""
    from PIL import Image, ImageDraw

    rows = -(-len(cells) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * CELL, rows * (CELL + CAPTION)), "white")
    pen, font = ImageDraw.Draw(sheet), caption_font()
    for place, (picture, lines) in enumerate(cells):
        left, top = place % COLUMNS * CELL, place // COLUMNS * (CELL + CAPTION)
        factor = max(1, CELL // max(picture.size))
        enlarged = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
        sheet.paste(enlarged, (left + (CELL - enlarged.width) // 2, top + (CELL - enlarged.height) // 2))
        for number, line in enumerate(lines):
            pen.text((left + 4, top + CELL + 2 + 15 * number), line[:LETTERS], "black", font)
    return sheet
