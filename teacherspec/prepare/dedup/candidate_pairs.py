"""Pairs of rows that are nearly the same: candidates by locality-sensitive hashing, each measured exactly.

A comparison says what rows are compared by. Its numbers agree between two rows with a probability that is
their similarity; equal bands of such numbers (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets",
chapter 3) name candidates, and every candidate is then measured exactly, so nothing is reported that is
not so. Everything is a function of the rows, none of their order.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.mmap_columns import (
    Indices,
    Mask,
    Scratch,
    Words,
    all_of,
    chosen_rows,
    chunks,
    mapped_numbers,
    parts_by_word,
)

_MISSED = 0.005
_WINDOW = 32
_LEADERS = 16

_KEY_BYTES = 1000
"""Memory for each row whose keys are compared: in a crowd it has up to 48 candidates of 8 bytes, twice."""

_PAIR_BYTES = 64

Leading = Callable[[Indices], tuple[npt.NDArray[np.generic], ...]]
"""Row numbers `[n]` → columns `[n]` that sort them, the most significant last; who comes first leads."""


@dataclass(frozen=True)
class Pairs:
    """Similar rows, each pair once.

    Attributes:
        first: `[M]` row number; leads `second`.
        second: `[M]` row number.
        similarity: `[M]` between 0 and 1.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Comparison(ABC):
    """What rows are compared by.

    Attributes:
        similarity: from which two rows are nearly the same, between 0.5 and 1.
    """

    similarity: float

    most_numbers: ClassVar[int]
    """Most numbers of a row that its bands may hold together."""

    @abstractmethod
    def keys(self, rows: Indices, bands: int, numbers: int) -> Words:
        """The hash `[bands, n]` of each band of so many numbers of each row."""

    @abstractmethod
    def measured(self, first: Indices, second: Indices, scratch: Scratch) -> npt.NDArray[np.float64]:
        """The similarity `[M]` of pairs of rows."""


def similar_pairs(among: Mask, comparison: Comparison, leading: Leading, scratch: Scratch) -> Pairs:
    """Find pairs of rows that are at least as similar as the comparison asks.

    A pair of exactly that similarity is missed with probability below 0.005, a more similar one with
    less. In a crowd of more than 32 candidates each is compared with its neighbours and with the first 16,
    so that time stays linear: crowds stay connected, but not every pair in them is listed.

    Args:
        among: `[N]` rows to compare.
        comparison: what they are compared by.
        leading: gives what rows are sorted by; the first of a pair, and of a crowd, sorts before.
        scratch: for N x bands x 8 bytes on disk, and 8 for every candidate.
    """
    bands, numbers = banding(comparison.similarity, comparison.most_numbers)
    keys = scratch.column(bands * len(among), np.uint64).reshape(bands, len(among))
    for chunk in chunks(len(among)):
        rows = np.flatnonzero(among[chunk]) + chunk.start
        keys[:, rows] = comparison.keys(rows, bands, numbers)
    with NamedTemporaryFile(dir=scratch.folder) as file:
        number = 0
        for band in keys:
            for rows in parts_by_word(band, all_of(among), scratch.rows_at_once(_KEY_BYTES)):
                candidates = _candidates(band[rows], rows, leading, len(among))
                candidates.tofile(file)
                number += len(candidates)
        if not number:
            return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        file.flush()
        candidates = mapped_numbers(Path(file.name), np.int64)
        parts = -(-number // scratch.rows_at_once(_PAIR_BYTES))
        verified = [
            _verified(_distinct(candidates, len(among), at, parts), len(among), comparison, scratch)
            for at in range(parts)
        ]
    first, second, measured = (
        np.concatenate([getattr(part, name) for part in verified]) for name in Pairs.__dataclass_fields__
    )
    return Pairs(first, second, measured)


def _distinct(candidates: Indices, rows: int, part: int, parts: int) -> Indices:
    """One of the parts into which candidate pairs fall by their second row, each pair once."""
    chosen = chosen_rows(len(candidates), lambda chunk: candidates[chunk] % rows % parts == part)
    return np.unique(candidates[chosen])


def banding(similarity: float, most_numbers: int) -> tuple[int, int]:
    """Bands and numbers a band: the sharpest pair that misses 0.5 % at the border.

    A pair of similarity s shares a band of r numbers with probability s^r, and so one of b bands with
    probability 1 - (1 - s^r)^b; b r is `most_numbers` at most.
    """
    best = (1, 1)
    for numbers in range(1, most_numbers + 1):
        bands = math.ceil(math.log(_MISSED) / math.log1p(-min(similarity**numbers, 1 - 1e-12)))
        if bands * numbers <= most_numbers:
            best = (bands, numbers)
    return best


def _candidates(keys: Words, rows: Indices, leading: Leading, total: int) -> Indices:
    """Pairs of rows with equal keys as `first * total + second`, the first leading, each once."""
    order = np.argsort(keys, kind="stable")
    equal = keys[order][1:] == keys[order][:-1]
    if not equal.any():
        return np.empty(0, np.int64)
    crowded = np.append(equal, False) | np.insert(equal, 0, False)
    of_bucket, rows = keys[order[crowded]], rows[order[crowded]]
    order = np.lexsort((*leading(rows), of_bucket))
    of_bucket, rows = of_bucket[order], rows[order]
    begins = np.flatnonzero(np.append(True, of_bucket[1:] != of_bucket[:-1]))[: len(rows)]
    sizes = np.diff(np.append(begins, len(rows)))
    start = np.repeat(begins, sizes)
    place = np.arange(len(rows)) - start
    pairs = [np.empty(0, np.int64)]
    for step in range(1, _WINDOW + 1):
        at = np.flatnonzero(place >= step)
        if not len(at):
            break
        pairs.append(rows[at - step] * total + rows[at])
    for leader in range(_LEADERS):
        at = np.flatnonzero(place > leader + _WINDOW)
        pairs.append(rows[start[at] + leader] * total + rows[at])
    return np.concatenate(pairs)


def _verified(pairs: Indices, total: int, comparison: Comparison, scratch: Scratch) -> Pairs:
    """The candidates, given as `first * total + second`, that are similar."""
    first, second = np.divmod(pairs, total)
    measured = comparison.measured(first, second, scratch)
    close = measured >= comparison.similarity
    return Pairs(first[close], second[close], measured[close])
