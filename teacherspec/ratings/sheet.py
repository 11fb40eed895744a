"""The rating sheet: one HTML file that works offline, or a CSV for a spreadsheet. Neither names a system."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from teacherspec.ratings.pair_sampling import Drawn, token
from teacherspec.runtime.atomic_io import write_bytes, write_text
from teacherspec.runtime.escaping import no_formula
from teacherspec.runtime.html_pages import csp_digest, inline_picture, page_templates

TEMPLATE, STYLE, SCRIPT = "sheet.html.j2", "sheet.css", "sheet.js"

QUESTION = "Which answer is more helpful to the person who wrote the prompt?"
"""The question to raters where none is declared."""

CSV_COLUMNS = (
    "sheet", "item", "rater", "prompt", "expected", "left", "right",
    "preference", "left_rating", "right_rating", "comment",
)  # fmt: skip
"""Columns of the CSV sheet; raters fill `rater` and the last four."""


def render_page(sheet: str, drawn: Drawn, seed: str, question: str) -> str:
    """The page: sheet, script and style in one file, allowed by their digests and nothing else.

    Answers are untrusted text. They are in a data block, as JSON in which `<`, `>`, `&` and `'` are
    escaped, and the script shows them as text, never as markup. Pictures are there too, as `data:` URIs.

    Args:
        sheet: id of the sheet.
        drawn: its pairs.
        seed: of their tokens.
        question: to the raters.
    """
    folder = Path(__file__).parent
    style, script = ((folder / name).read_text(encoding="utf-8") for name in (STYLE, SCRIPT))
    content = {
        "sheet": sheet,
        "question": question,
        "items": [
            {
                "item": token(seed, pair),
                "prompt": pair.prompt,
                "left": left,
                "right": right,
                "expected": pair.expected,
                "pictures": [inline_picture(picture) for picture in pair.pictures],
            }
            for pair, (left, right) in zip(drawn.shown, sides(drawn), strict=True)
        ],
    }
    return (
        page_templates(folder, {})
        .get_template(TEMPLATE)
        .render(
            content=content,
            style=style,
            script=script,
            style_digest=csp_digest(style),
            script_digest=csp_digest(script),
            pictured=any(pair.pictures for pair in drawn.shown),
        )
    )


def sides(drawn: Drawn) -> Sequence[tuple[str, str]]:
    """Left and right answer of each pair shown."""
    return [
        (pair.teacher, pair.other) if side == "left" else (pair.other, pair.teacher)
        for pair, side in zip(drawn.shown, drawn.teacher_side, strict=True)
    ]


def render_csv(sheet: str, drawn: Drawn, seed: str) -> str:
    """The sheet as CSV, `CSV_COLUMNS`, the columns to fill empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for pair, (left, right) in zip(drawn.shown, sides(drawn), strict=True):
        shown = [no_formula(part) for part in (pair.prompt, pair.expected or "", left, right)]
        writer.writerow([sheet, token(seed, pair), "", *shown, "", "", "", ""])
    return text.getvalue()


def save_sheet(folder: Path, sheet: str, drawn: Drawn, seed: str, question: str) -> tuple[Path, Path]:
    """Write `sheet-<id>.html` and `sheet-<id>.csv` into `folder`; return where they are."""
    page, table = folder / f"sheet-{sheet}.html", folder / f"sheet-{sheet}.csv"
    write_text(page, render_page(sheet, drawn, seed, question))
    # Spreadsheets take UTF-8 for something else without a byte order mark.
    write_bytes(table, render_csv(sheet, drawn, seed).encode("utf-8-sig"))
    return page, table
