"""The earlier turns of a conversation in a column of their own, as pairs of question and answer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from teacherspec.tasks.shared.columns.base import Column, ColumnError, shown
from teacherspec.tasks.shared.columns.text import TextColumn, compared

if TYPE_CHECKING:
    import pyarrow as pa

MAX_PAIRS = 500


@dataclass(frozen=True)
class HistoryColumn(Column):
    """A list of pairs `[question, answer]`, the oldest first; it may be left empty, null or out."""

    optional: ClassVar[bool] = True

    def read(self, value: Any) -> list[list[str]]:
        """The pairs as given, null as none. Raises `ColumnError`."""
        if value is None:
            return []
        if not isinstance(value, list | tuple) or len(value) > MAX_PAIRS:
            raise ColumnError(
                f"must be a list of at most {MAX_PAIRS} pairs [question, answer] (given {shown(value)})"
            )
        return [self._pair(number, pair) for number, pair in enumerate(value, start=1)]

    def _pair(self, number: int, pair: Any) -> list[str]:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ColumnError(
                f"item {number} must be a pair [question, answer] (given {shown(pair)}); write turns in "
                "another form as `task.rows: messages`"
            )
        try:
            return [TextColumn(self.name).read(text) for text in pair]
        except ColumnError as error:
            raise ColumnError(f"item {number}: {error}") from error

    def from_json(self, value: Any) -> list[list[str]]:
        """The pairs. Raises `ColumnError`."""
        return self.read(value)

    def key(self, value: Any) -> bytes:
        """UTF-8 of the texts as compared, one a line."""
        texts = (compared(text, self.exact) for pair in value for text in pair)
        return "\n".join(texts).encode("utf-8")

    def arrow_type(self) -> "pa.DataType":
        """A list of lists of texts."""
        import pyarrow as pa

        return pa.list_(pa.list_(pa.string()))

    def text(self, value: Any) -> str:
        """The texts one after the other."""
        return " ".join(text for pair in value for text in pair)
