"""What every reader yields: rows with their place, including invalid and blank ones."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One readable row: where it begins (line or row number, from 1) and its values by file column."""

    number: int
    values: dict[str, Any]


class BadRow(NamedTuple):
    """One unreadable row: where, what is wrong and, if known, at which byte of it and what was given."""

    number: int
    problem: str
    position: int | None = None
    given: Any = None


class BlankRow(NamedTuple):
    """An empty line: no row, but counted."""

    number: int


AnyRow = Row | BadRow | BlankRow


class OpenTable(NamedTuple):
    """A table being read: its columns where the file declares them once, and its rows as a stream."""

    columns: tuple[str, ...] | None
    rows: Iterator[AnyRow]


@dataclass(frozen=True)
class Table:
    """One file (or hub split) of a source, not yet opened.

    Attributes:
        name: as shown in messages, relative to the repository.
        counts_lines: whether row numbers are line numbers of a text file.
        open: reads, given the columns that will be used (others need not be read); raises DataError,
            also while iterating, when the file as a whole cannot be read.
        names: where each row is a file: the names of the files read so far.
    """

    name: str
    counts_lines: bool
    open: Callable[[Collection[str]], AbstractContextManager[OpenTable]]
    names: Sequence[str] = ()

    def place(self, number: int, position: int | None = None) -> str:
        """The place of a row, in the form that editors can open."""
        if number <= len(self.names):
            return f"{self.name}/{self.names[number - 1]}"
        if not self.counts_lines:
            return f"{self.name}: row {number}"
        return f"{self.name}:{number}" if position is None else f"{self.name}:{number}:{position}"
