"""The column that holds a row as a list of tokens."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teacherspec.tasks.shared.columns.base import Column, ColumnError, shown
from teacherspec.tasks.shared.columns.text import UNWRITABLE, compared
from teacherspec.text.unicode_forms import is_blank

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 100_000
SHOWN_PROBLEMS = 5
"""Problems of one value that a message lists."""


@dataclass(frozen=True)
class TokensColumn(Column):
    """A list of at least one token: texts without white space and control characters."""

    def read(self, value: Any) -> list[str]:
        """The tokens as given. Raises `ColumnError`."""
        if not isinstance(value, list | tuple) or not 0 < len(value) <= MOST:
            raise ColumnError(f"must be a list of 1 to {MOST} tokens (given {shown(value)})")
        problems = [what for at, token in enumerate(value, start=1) if (what := _problem(at, token))]
        refuse(problems)
        return list(value)

    def key(self, value: Any) -> bytes:
        """UTF-8 of the tokens as compared, one a line."""
        return "\n".join(compared(token, self.exact) for token in value).encode("utf-8")

    def arrow_type(self) -> "pa.DataType":
        """A list of texts."""
        import pyarrow as pa

        return pa.list_(pa.string())

    def text(self, value: Any) -> str:
        """The tokens with a space between them."""
        return " ".join(value)


def _problem(at: int, token: Any) -> str | None:
    if not isinstance(token, str):
        return f"token {at} must be a text (given {shown(token)})"
    if is_blank(token):
        return f"token {at} is empty (given {shown(token)}); take it out with its tag"
    if UNWRITABLE.search(token) or token.split() != [token]:
        return f"token {at} holds white space or a control character (given {shown(token)}); split it"
    return None


def refuse(problems: list[str]) -> None:
    """Raise a `ColumnError` that lists the first problems and counts the others; none, do nothing."""
    if problems:
        more = len(problems) - SHOWN_PROBLEMS
        listed = "; ".join(problems[:SHOWN_PROBLEMS])
        raise ColumnError(listed + (f"; and {more} more" if more > 0 else ""))
