"""Columns in memory-mapped files, and rows in parts that fit into memory."""

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
class Workspace:
    """A folder for memory-mapped columns, and the memory limit of a step.

    Attributes:
        folder: for files without a name: nothing is left when the process is killed.
        memory_bytes: limit for all arrays of one step. It sets the size of parts and never changes a
            result.
    """

    folder: Path
    memory_bytes: int

    def column(self, rows: int, kind: npt.DTypeLike) -> npt.NDArray[Any]:
        """A memory-mapped column `[rows]` of zeros: the system may reclaim its memory at any time."""
        if rows == 0:
            return np.empty(0, kind)
        with TemporaryFile(dir=self.folder) as file:
            file.truncate(rows * np.dtype(kind).itemsize)
            return np.frombuffer(_registered(mmap(file.fileno(), 0, access=ACCESS_WRITE)), kind)

    def rows_at_once(self, bytes_per_row: int) -> int:
        """Rows that may be processed together when each takes so many bytes; 1,000 at least."""
        return max(1000, self.memory_bytes // bytes_per_row)


_MAPPINGS: WeakSet[mmap] = WeakSet()


def _registered(mapping: mmap) -> mmap:
    _MAPPINGS.add(mapping)
    return mapping


def mapped_file(path: Path) -> mmap:
    """The bytes of a non-empty file, memory-mapped for reading."""
    with path.open("rb") as file:
        return _registered(mmap(file.fileno(), 0, access=ACCESS_READ))


def mapped_numbers(path: Path, kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """The numbers of a binary file, memory-mapped for reading."""
    return np.frombuffer(mapped_file(path), kind) if path.stat().st_size else np.empty(0, kind)


def release_pages() -> None:
    """Release the memory of all mapped files. Their content is read from the files again on access."""
    for mapping in list(_MAPPINGS):
        mapping.madvise(MADV_DONTNEED)


def chunks(rows: int) -> Iterator[slice]:
    """Slices of at most `CHUNK_ROWS` that cover a column of so many rows."""
    for start in range(0, rows, CHUNK_ROWS):
        yield slice(start, min(rows, start + CHUNK_ROWS))
        if rows > CHUNK_ROWS:
            release_pages()


def chosen_rows(rows: int, chosen: Callable[[slice], Mask]) -> Indices:
    """The numbers of the rows for which `chosen` is true, evaluated chunk by chunk."""
    parts = [np.flatnonzero(chosen(chunk)) + chunk.start for chunk in chunks(rows)]
    return np.concatenate([np.empty(0, np.int64), *parts])


def parts_by_word(words: Words, among: Callable[[slice], Mask], most_rows: int) -> Iterator[Indices]:
    """The selected rows in parts of about `most_rows`; rows with equal words are in the same part.

    Words are uniformly distributed hashes; each part covers the next range of words.

    Args:
        words: `[N]`.
        among: which rows of a slice of `[N]` to take.
        most_rows: size of a part; larger where more rows share one word.
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

        def in_range(chunk: slice, first: np.uint64 = first, last: np.uint64 = last) -> Mask:
            here = words[chunk]
            selected: Mask = among(chunk) & (here >= first) & (here <= last)
            return selected

        yield chosen_rows(len(words), in_range)
        first = last + np.uint64(1) if last < np.uint64(2**64 - 1) else last


def parts_by_size(rows: Indices, sizes: npt.NDArray[Any], most_rows: int, most: int) -> Iterator[Indices]:
    """The rows in order, in parts of at most `most_rows` rows and `most` size; a larger row is a part alone.

    Args:
        rows: `[n]` row numbers.
        sizes: `[n]` of each of these rows.
        most_rows: rows of a part.
        most: total size of a part.
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
    """Which rows of a slice a mask `[N]` selects."""
    return lambda chunk: mask[chunk]
