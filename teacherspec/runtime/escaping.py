"""Text from rows, labels, file names and packages, so that it is only text wherever it is shown.

Such text may hold markup, escape sequences of a terminal, line ends that forge a line, characters that turn
the direction of writing, or a formula for a spreadsheet. There is one function for each kind of place that
shows text; templates of HTML escape everything by default.
"""

import json
import re
from collections.abc import Iterable

MAX_LENGTH = 160
"""Characters of a text from outside in a report; longer ones are cut."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the start of a formula, full-width forms too (OWASP, CSV Injection)."""

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")

UNSAFE_IN_TABLES = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters, line ends, and marks and overrides of the direction of writing."""


def printable(text: str) -> str:
    """Text for a line of a terminal or a log: what cannot be seen is written as in Python, `\\x1b`, `\\n`."""
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def printable_lines(lines: Iterable[str]) -> str:
    """Lines for a terminal or a log, joined; none of them can forge another."""
    return "\n".join(map(printable, lines))


def printable_json(text: str) -> str:
    """JSON with what cannot be seen written as `\\uXXXX`, which readers give back as it was.

    Args:
        text: JSON, whose line ends are outside its strings.
    """
    return "".join(
        character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]
        for character in text
    )


def cut(text: str, longest: int = MAX_LENGTH) -> str:
    """Text in one line of bounded length, without invisible characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def markdown_code(text: str, longest: int = MAX_LENGTH) -> str:
    """Text as a Markdown code span, safe in a table cell.

    In a code span HTML, links and mentions (`@name` would notify a person) have no effect; a back quote would
    end the span and a bar would end the cell. Sentences of reports hold texts of data in this form.
    """
    line = cut(text, longest).replace("`", "ˋ").replace("|", "\\|")
    return f"`{line}`" if line else ""


def tsv_cell(value: object) -> str:
    """A value as a cell of a TSV: texts on one line, and nothing a spreadsheet would take for a formula."""
    if not isinstance(value, str):
        return str(value)
    return no_formula(UNSAFE_IN_TABLES.sub(lambda found: _printable(found[0]), value))


def no_formula(text: str) -> str:
    """Text with a quote before what a spreadsheet would take for a formula; numbers are none."""
    is_formula = text.lstrip(" ").startswith(FORMULA_STARTS) and not NUMBER.fullmatch(text.strip())
    return f"'{text}" if is_formula else text
