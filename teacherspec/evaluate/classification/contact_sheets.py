"""Contact sheets: the images of misclassified and undecided rows, with label, prediction and confidence."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from teacherspec.evaluate.classification.label_errors import Example
from teacherspec.evaluation_rows.row_images import row_images
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.image_decoding import encode_png

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

CELL = 160
"""Side of an image on a contact sheet, pixels."""

COLUMNS = 5
CAPTION = 34
"""Height of the two lines below an image, pixels."""

CAPTION_CHARACTERS, FONT_SIZE = 24, 11
"""Longest line of a caption, and the size of its letters in pixels."""


def contact_sheets(
    schema: RowSchema, splits: "Mapping[str, Dataset]", examples: Sequence[Example]
) -> dict[str, bytes]:
    """Kind of example → PNG of its images in order, with label, prediction and confidence."""
    images = row_images(schema, splits, {("test", example.id) for example in examples}, CELL)
    if not images:
        return {}
    kinds = sorted({example.kind for example in examples})
    return {
        kind: encode_png(
            contact_sheet([(images["test", one.id], _caption(one)) for one in examples if one.kind == kind])
        )
        for kind in kinds
    }


def _caption(example: Example) -> tuple[str, str]:
    return example.label, f"→ {example.predicted} {example.confidence:.2f}"


def caption_font() -> "FreeTypeFont":
    """The font that comes with matplotlib: Pillow's own lacks arrows, Greek, Cyrillic and more."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", FONT_SIZE)


def contact_sheet(cells: "Sequence[tuple[Image, tuple[str, str]]]") -> "Image":
    """Images in rows of `COLUMNS`, each above its two lines."""
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
            pen.text((left + 4, top + CELL + 2 + 15 * number), line[:CAPTION_CHARACTERS], "black", font)
    return sheet
