"""Where judging puts what must not fill the memory: columns on disk, and rows in parts that fit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from mmap import ACCESS_READ, ACCESS_WRITE, MADV_DONTNEED, mmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from weakref import WeakSet

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]

CHUNK_ROWS = 1 << 18
"""Rows of a column that are computed at once."""


@dataclass(frozen=True)
class Scratch:
    """A folder for columns, and how much memory may be used beside them.

    Attributes:
        folder: for files without a name: no kill leaves them behind.
        memory_bytes: what the arrays of one step may take together. It sizes the parts and never
            changes a result.
    """

    folder: Path
    memory_bytes: int

    def column(self, rows: int, kind: npt.DTypeLike) -> npt.NDArray[Any]:
        """A column `[rows]` of zeros on disk, mapped: the system may take its memory back at any time."""
        if rows == 0:
            return np.empty(0, kind)
        with TemporaryFile(dir=self.folder) as file:
            file.truncate(rows * np.dtype(kind).itemsize)
            return np.frombuffer(_mapped(mmap(file.fileno(), 0, access=ACCESS_WRITE)), kind)

    def rows_at_once(self, bytes_a_row: int) -> int:
        """Rows that may be worked on together when each takes so many bytes; 1,000 at least."""
        return max(1000, self.memory_bytes // bytes_a_row)


_MAPPINGS: WeakSet[mmap] = WeakSet()


def _mapped(mapping: mmap) -> mmap:
    _MAPPINGS.add(mapping)
    return mapping


def mapped_file(path: Path) -> mmap:
    """The bytes of a file that is not empty, mapped for reading."""
    with path.open("rb") as file:
        return _mapped(mmap(file.fileno(), 0, access=ACCESS_READ))


def mapped_numbers(path: Path, kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """The numbers of a binary file, mapped for reading."""
    return np.frombuffer(mapped_file(path), kind) if path.stat().st_size else np.empty(0, kind)


def forget_pages() -> None:
    """Give the memory of all mapped files back. What they hold stays in the files, and is read again."""
    for mapping in list(_MAPPINGS):
        mapping.madvise(MADV_DONTNEED)


def chunks(rows: int) -> Iterator[slice]:
    """Slices of at most `CHUNK_ROWS` that cover a column of so many rows."""
    for start in range(0, rows, CHUNK_ROWS):
        yield slice(start, min(rows, start + CHUNK_ROWS))
        if rows > CHUNK_ROWS:
            forget_pages()


def chosen_rows(rows: int, chosen: Callable[[slice], Mask]) -> Indices:
    """The numbers of the rows for which `chosen` holds, asked chunk by chunk."""
    parts = [np.flatnonzero(chosen(chunk)) + chunk.start for chunk in chunks(rows)]
    return np.concatenate([np.empty(0, np.int64), *parts])


def parts_by_word(words: Words, among: Callable[[slice], Mask], most_rows: int) -> Iterator[Indices]:
    """The rows `among` all in parts of about `most_rows`; rows with equal words share a part.

    Words are hashes, spread evenly; words rise from part to part.

    Args:
        words: `[N]`.
        among: which rows of a slice of `[N]` to take.
        most_rows: size of a part; a word that more rows have makes its part larger.
    """
    total = sum(int(np.count_nonzero(among(chunk))) for chunk in chunks(len(words)))
    number = max(1, -(-total // most_rows))
    if number == 1:
        yield chosen_rows(len(words), among)
        return
    # The last word of each part: 2^64 does not fit into a word.
    lasts = [np.uint64((part + 1) * 2**64 // number - 1) for part in range(number)]
    first = np.uint64(0)
    for last in lasts:

        def inside(chunk: slice, first: np.uint64 = first, last: np.uint64 = last) -> Mask:
            here = words[chunk]
            held: Mask = among(chunk) & (here >= first) & (here <= last)
            return held

        yield chosen_rows(len(words), inside)
        first = last + np.uint64(1) if last < np.uint64(2**64 - 1) else last


def parts_by_size(rows: Indices, sizes: npt.NDArray[Any], most_rows: int, most: int) -> Iterator[Indices]:
    """The rows in their order in parts of at most `most_rows`, and `most` of size unless one alone is larger.

    Args:
        rows: `[n]` row numbers.
        sizes: `[n]` of each of these rows.
        most_rows: rows of a part.
        most: size of a part.
    """
    ends = np.cumsum(sizes, dtype=np.int64)
    start = 0
    while start < len(rows):
        before = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
        end = min(end, start + most_rows, len(rows))
        yield rows[start:end]
        start = end


def all_of(mask: Mask) -> Callable[[slice], Mask]:
    """Which rows of a slice a mask `[N]` holds."""
    return lambda chunk: mask[chunk]
