"""Numbers and foreign text as a pull request shows them: nothing that comes from data is markup there."""

from teacherspec.metrics.intervals import Interval
from teacherspec.package.quality_gates import Measurement

LONGEST = 160
"""Signs of a value or text from outside, beyond which it is cut."""


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
    """Text from outside in one line of bounded length, without signs that cannot be seen."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def code(text: str) -> str:
    """Text from outside as a Markdown code span, safe in a table cell.

    In a code span neither HTML nor links nor mentions (`@name` would call a person) mean anything; a back
    quote would end it and a bar would end the cell.
    """
    line = cut(text).replace("`", "ˋ").replace("|", "\\|")
    return f"`{line}`" if line else ""


def several(count: int, one: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"
