"""Pairs of texts that are nearly the same: MinHash to find candidates, exact Jaccard to judge them.

Two texts are compared by their sets of pieces, all runs of `PIECE` characters of the normalised text.
Their similarity is the Jaccard index of the sets. MinHash (Broder 1997) keeps of each set a few minima
whose agreement follows that index; equal bands of minima (locality-sensitive hashing, Leskovec,
Rajaraman, Ullman, "Mining of Massive Datasets", chapter 3) name candidates, and every candidate is then
measured exactly, so nothing is reported that is not so. Everything is a function of the texts, none of
their order.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.scratch import (
    Indices,
    Mask,
    Scratch,
    Words,
    all_of,
    chosen_rows,
    chunks,
    parts_by_size,
    parts_by_word,
)
from teacherspec.prepare.splits import mix

PIECE = 5
"""Characters of a piece: long enough that unrelated short texts share few."""

_MISSED = 0.005
_MOST_MINIMA = 72
_BATCH_ROWS = 1024
_WINDOW = 32
_LEADERS = 16
_BATCH_CHARACTERS = 4 << 20
_VERIFY_PAIRS = 20_000
_PIECE_BYTES = 256
"""Memory that a piece takes in a set, and its share of what is around it."""

_SEED = 0x5EED

_KEY_BYTES = 1000
"""Memory for each row whose keys are compared: in a crowd it has up to 48 candidates of 8 bytes, twice."""

_PAIR_BYTES = 64

Texts = Callable[[npt.NDArray[np.int64]], Sequence[str]]
"""Row numbers → their normalised texts, in the same order."""

Leading = Callable[[Indices], tuple[npt.NDArray[np.generic], ...]]
"""Row numbers `[n]` → columns `[n]` that sort them, the most significant last; who comes first leads."""


@dataclass(frozen=True)
class Pairs:
    """Similar rows, each pair once.

    Attributes:
        first: `[M]` row number; leads `second`.
        second: `[M]` row number.
        similarity: `[M]` Jaccard index.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]


def similar_pairs(
    among: Mask,
    texts: Texts,
    characters: npt.NDArray[np.int32],
    leading: Leading,
    similarity: float,
    scratch: Scratch,
) -> Pairs:
    """Find pairs of rows whose similarity is at least `similarity`.

    A pair of exactly that similarity is missed with probability below 0.005, a more similar one with
    less. In a crowd of more than 32 candidates each is compared with its neighbours and with the first 16,
    so that time stays linear: crowds stay connected, but not every pair in them is listed.

    Args:
        among: `[N]` rows to compare.
        texts: gives normalised texts.
        characters: `[N]` length of each text.
        leading: gives what rows are sorted by; the first of a pair, and of a crowd, sorts before.
        similarity: between 0.5 and 1.
        scratch: for N x bands x 8 bytes on disk, and 8 for every candidate.
    """
    bands, minima = banding(similarity)
    keys = scratch.column(bands * len(among), np.uint64).reshape(bands, len(among))
    for chunk in chunks(len(among)):
        rows = np.flatnonzero(among[chunk]) + chunk.start
        for batch in parts_by_size(rows, characters[rows], _BATCH_ROWS, _BATCH_CHARACTERS):
            keys[:, batch] = band_keys(texts(batch), bands, minima)
    with TemporaryFile(dir=scratch.folder) as file:
        number = 0
        for band in keys:
            for rows in parts_by_word(band, all_of(among), scratch.rows_at_once(_KEY_BYTES)):
                candidates = _candidates(band[rows], rows, leading, len(among))
                candidates.tofile(file)
                number += len(candidates)
        if not number:
            return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        file.flush()
        candidates = np.asarray(np.memmap(file, np.int64, "r", shape=(number,)))
        parts = -(-number // scratch.rows_at_once(_PAIR_BYTES))
        verified = [
            _verified(pairs, texts, characters, similarity, scratch)
            for pairs in (_distinct(candidates, len(among), at, parts) for at in range(parts))
        ]
    first, second, measured = (
        np.concatenate([getattr(part, name) for part in verified]) for name in Pairs.__dataclass_fields__
    )
    return Pairs(first, second, measured)


def _distinct(candidates: Indices, rows: int, part: int, parts: int) -> Indices:
    """One of the parts into which candidate pairs fall by their second row, each pair once."""
    chosen = chosen_rows(len(candidates), lambda chunk: candidates[chunk] % rows % parts == part)
    return np.unique(candidates[chosen])


def banding(similarity: float) -> tuple[int, int]:
    """Bands and minima a band: the sharpest pair that misses 0.5 % at the border and needs 72 minima at most.

    A pair of similarity s shares a band of r minima with probability s^r, and so one of b bands with
    probability 1 - (1 - s^r)^b.
    """
    best = (1, 1)
    for minima in range(1, _MOST_MINIMA + 1):
        bands = math.ceil(math.log(_MISSED) / math.log1p(-min(similarity**minima, 1 - 1e-12)))
        if bands * minima <= _MOST_MINIMA:
            best = (bands, minima)
    return best


def band_keys(texts: Sequence[str], bands: int, minima: int) -> npt.NDArray[np.uint64]:
    """The hash `[bands, n]` of each band of minima of each text."""
    pieces, starts = piece_hashes(texts)
    draw = np.random.default_rng(_SEED)
    salts = draw.integers(0, 2**64, bands * minima, np.uint64)
    factors = draw.integers(0, 2**64, bands * minima, np.uint64) | np.uint64(1)
    keys = np.zeros((bands, len(texts)), np.uint64)
    shuffled = np.empty_like(pieces)
    for number, (salt, factor) in enumerate(zip(salts, factors, strict=True)):
        np.bitwise_xor(pieces, salt, out=shuffled)
        np.multiply(shuffled, factor, out=shuffled)
        least = np.minimum.reduceat(shuffled, starts)
        band = number // minima
        keys[band] = mix(keys[band] ^ least)
    return keys


def piece_hashes(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """The hash of every piece of every text, one text after the other, and where each text begins.

    A text shorter than a piece is one piece.
    """
    padded = [text if len(text) >= PIECE else text.ljust(PIECE) for text in texts]
    lengths = np.array([len(text) for text in padded], np.int64)
    codes = np.frombuffer("".join(padded).encode("utf-32-le"), np.uint32).astype(np.uint64)
    hashes = codes[: len(codes) - PIECE + 1].copy()
    for shift in range(1, PIECE):
        hashes *= np.uint64(0x100000001B3)
        hashes ^= codes[shift : len(codes) - PIECE + 1 + shift]
    ends = np.cumsum(lengths)
    across = (ends[:-1, None] - np.arange(1, PIECE)).ravel()
    inside = np.ones(len(hashes), bool)
    inside[across] = False
    counts = lengths - PIECE + 1
    return mix(hashes[inside]), np.cumsum(counts) - counts


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


def _verified(
    pairs: Indices, texts: Texts, characters: npt.NDArray[np.int32], similarity: float, scratch: Scratch
) -> Pairs:
    """The candidates, given as `first * N + second`, that are similar."""
    first, second = np.divmod(pairs, len(characters))
    sizes = characters[first].astype(np.int64) + characters[second]
    measured = np.zeros(len(first))
    most = scratch.rows_at_once(_PIECE_BYTES)
    for part in parts_by_size(np.arange(len(first)), sizes, _VERIFY_PAIRS, most):
        needed = np.unique(np.concatenate([first[part], second[part]]))
        pieces = dict(zip(needed.tolist(), map(pieces_of, texts(needed)), strict=True))
        ends = zip(first[part].tolist(), second[part].tolist(), strict=True)
        measured[part] = [jaccard(pieces[a], pieces[b]) for a, b in ends]
    close = measured >= similarity
    return Pairs(first[close], second[close], measured[close])


def pieces_of(text: str) -> frozenset[str]:
    """The set of pieces of a normalised text."""
    return frozenset(text[at : at + PIECE] for at in range(max(1, len(text) - PIECE + 1)))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Size of the intersection over size of the union."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
