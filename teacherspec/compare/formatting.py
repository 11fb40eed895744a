"""Numbers and text of the data as a pull request shows them: no text of the data acts as markup."""

from teacherspec.metrics.scores.intervals import Interval
from teacherspec.package.quality_gates import Measurement

MAX_LENGTH = 160
"""Characters of a value or text from outside; longer ones are cut."""


def number(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}"


def measured(found: Measurement | None) -> str:
    """A number with its interval, a count in full, `–` where there is none."""
    if found is not None and isinstance(found.value, int) and found.low is None:
        return str(found.value)
    return "–" if found is None else str(found)


def signed(value: float) -> str:
    """A difference: three significant digits and its sign; plain 0 for none."""
    return "0" if value == 0 else f"{value:+.3g}"


def difference(found: Interval) -> str:
    """A difference with its interval."""
    return f"{signed(found.value)} ({signed(found.low)} to {signed(found.high)})"


def p_value(value: float) -> str:
    """A p-value with two significant digits."""
    return f"{value:.2g}" if value >= 0.001 else "< 0.001"


def cut(text: str) -> str:
    """Text from outside in one line of bounded length, without invisible characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= MAX_LENGTH else f"{line[: MAX_LENGTH - 1]}…"


def code(text: str) -> str:
    """Text from outside as a Markdown code span, safe in a table cell.

    In a code span HTML, links and mentions (`@name` would notify a person) have no effect; a back quote
    would end the span and a bar would end the cell.
    """
    line = cut(text).replace("`", "ˋ").replace("|", "\\|")
    return f"`{line}`" if line else ""


def several(count: int, one: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"
