"""Pairs of near-duplicate rows: candidates by locality-sensitive hashing, each then compared exactly.

A comparison defines hash values that are equal for two rows with a probability that is their similarity.
Rows with an equal band of such values (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", chapter
3) are candidates. The similarity of every candidate is then computed exactly, so there are no false
positives. The result depends on the set of rows, not on their order.
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
    Words,
    Workspace,
    all_of,
    chosen_rows,
    chunks,
    mapped_numbers,
    parts_by_word,
)

_MISS_PROBABILITY = 0.005
_WINDOW = 32
_FIRST_ROWS = 16

_KEY_BYTES = 1000
"""Memory per row whose keys are compared: in a large bucket it has up to 48 candidates of 8 bytes, twice."""

_PAIR_BYTES = 64

SortKeys = Callable[[Indices], tuple[npt.NDArray[np.generic], ...]]
"""Row numbers `[n]` → columns `[n]` to sort them by, the most significant last."""


@dataclass(frozen=True)
class Pairs:
    """Similar rows, each pair once.

    Attributes:
        first: `[M]` row number; sorts before `second`.
        second: `[M]` row number.
        similarity: `[M]` between 0 and 1.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Comparison(ABC):
    """How rows are compared.

    Attributes:
        similarity: two rows are near duplicates from this value, between 0.5 and 1.
    """

    similarity: float

    most_values: ClassVar[int]
    """Most hash values of a row over all its bands."""

    @abstractmethod
    def keys(self, rows: Indices, bands: int, values: int) -> Words:
        """The hash `[bands, n]` of each band of so many hash values of each row."""

    @abstractmethod
    def similarities(self, first: Indices, second: Indices, workspace: Workspace) -> npt.NDArray[np.float64]:
        """The similarity `[M]` of pairs of rows."""


def similar_pairs(among: Mask, comparison: Comparison, sort_keys: SortKeys, workspace: Workspace) -> Pairs:
    """Find pairs of rows that are at least as similar as the comparison requires.

    A pair of exactly that similarity is missed with probability below 0.005, a more similar one with
    less. In a bucket of more than 32 candidates each is compared with the next 32 and with the first 16,
    so that time stays linear: large buckets stay connected, but not all their pairs are listed.

    Args:
        among: `[N]` mask of the rows to compare.
        comparison: how they are compared.
        sort_keys: the order of the rows of a pair and of a bucket.
        workspace: takes N x bands x 8 bytes on disk, and 8 for every candidate.
    """
    bands, values = banding(comparison.similarity, comparison.most_values)
    keys = workspace.column(bands * len(among), np.uint64).reshape(bands, len(among))
    for chunk in chunks(len(among)):
        rows = np.flatnonzero(among[chunk]) + chunk.start
        keys[:, rows] = comparison.keys(rows, bands, values)
    with NamedTemporaryFile(dir=workspace.folder) as file:
        count = 0
        for band in keys:
            for rows in parts_by_word(band, all_of(among), workspace.rows_at_once(_KEY_BYTES)):
                candidates = _candidates(band[rows], rows, sort_keys, len(among))
                candidates.tofile(file)
                count += len(candidates)
        if not count:
            return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        file.flush()
        candidates = mapped_numbers(Path(file.name), np.int64)
        parts = -(-count // workspace.rows_at_once(_PAIR_BYTES))
        verified = [
            _verified(_distinct(candidates, len(among), at, parts), len(among), comparison, workspace)
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


def banding(similarity: float, most_values: int) -> tuple[int, int]:
    """Bands and values per band: the most selective pair that misses 0.5 % at the threshold.

    A pair of similarity s shares a band of r values with probability s^r, and so one of b bands with
    probability 1 - (1 - s^r)^b; b r is `most_values` at most.
    """
    best = (1, 1)
    for values in range(1, most_values + 1):
        bands = math.ceil(math.log(_MISS_PROBABILITY) / math.log1p(-min(similarity**values, 1 - 1e-12)))
        if bands * values <= most_values:
            best = (bands, values)
    return best


def _candidates(keys: Words, rows: Indices, sort_keys: SortKeys, total: int) -> Indices:
    """Pairs of rows with equal keys as `first * total + second`, each once, `first` sorting before."""
    order = np.argsort(keys, kind="stable")
    equal = keys[order][1:] == keys[order][:-1]
    if not equal.any():
        return np.empty(0, np.int64)
    in_buckets = np.append(equal, False) | np.insert(equal, 0, False)
    of_bucket, rows = keys[order[in_buckets]], rows[order[in_buckets]]
    order = np.lexsort((*sort_keys(rows), of_bucket))
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
    for number in range(_FIRST_ROWS):
        at = np.flatnonzero(place > number + _WINDOW)
        pairs.append(rows[start[at] + number] * total + rows[at])
    return np.concatenate(pairs)


def _verified(pairs: Indices, total: int, comparison: Comparison, workspace: Workspace) -> Pairs:
    """The candidates, given as `first * total + second`, that are similar."""
    first, second = np.divmod(pairs, total)
    measured = comparison.similarities(first, second, workspace)
    close = measured >= comparison.similarity
    return Pairs(first[close], second[close], measured[close])
