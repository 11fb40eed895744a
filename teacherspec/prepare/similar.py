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
from pathlib import Path

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.splits import mix

PIECE = 5
"""Characters of a piece: long enough that unrelated short texts share few."""

_MISSED = 0.005
_MOST_MINIMA = 72
_BATCH_ROWS = 1024
_WINDOW = 32
_LEADERS = 16
_VERIFY_PAIRS = 20_000
_SEED = 0x5EED

Texts = Callable[[npt.NDArray[np.int64]], Sequence[str]]
"""Row numbers → their normalised texts, in the same order."""


@dataclass(frozen=True)
class Pairs:
    """Similar rows, each pair once.

    Attributes:
        first: `[M]` row number; earlier in the given order than `second`.
        second: `[M]` row number.
        similarity: `[M]` Jaccard index.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    similarity: npt.NDArray[np.float64]


def similar_pairs(rows: npt.NDArray[np.int64], texts: Texts, similarity: float, scratch: Path) -> Pairs:
    """Find pairs among `rows` whose similarity is at least `similarity`.

    A pair of exactly that similarity is missed with probability below 0.005, a more similar one with
    less. In a crowd of more than 32 candidates each is compared with its neighbours and with the first 16,
    so that time stays linear: crowds stay connected, but not every pair in them is listed.

    Args:
        rows: `[N]` row numbers; where a crowd needs leaders, earlier rows lead.
        texts: gives normalised texts.
        similarity: between 0.5 and 1.
        scratch: folder for a temporary file of N x bands x 8 bytes.
    """
    if not len(rows):
        return Pairs(rows, rows, np.empty(0))
    bands, minima = banding(similarity)
    keys = np.lib.format.open_memmap(
        scratch / "bands.npy", mode="w+", dtype=np.uint64, shape=(bands, len(rows))
    )
    for start in range(0, len(rows), _BATCH_ROWS):
        batch = texts(rows[start : start + _BATCH_ROWS])
        keys[:, start : start + len(batch)] = band_keys(batch, bands, minima)
    found = np.empty(0, np.int64)
    for band in range(bands):
        found = np.unique(np.concatenate([found, _candidates(np.asarray(keys[band]))]))
    first, second = np.divmod(found, len(rows))
    return _verified(rows[first], rows[second], texts, similarity)


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


def _candidates(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Pairs of positions with equal keys as `first * N + second`, first < second."""
    order = np.argsort(keys, kind="stable")
    equal = keys[order][1:] == keys[order][:-1]
    crowded = np.append(equal, False) | np.insert(equal, 0, False)
    order = order[crowded]
    of_bucket = keys[order]
    begins = np.flatnonzero(np.append(True, of_bucket[1:] != of_bucket[:-1]))[: len(order)]
    sizes = np.diff(np.append(begins, len(order)))
    start = np.repeat(begins, sizes)
    place = np.arange(len(order)) - start
    pairs = [np.empty(0, np.int64)]
    for step in range(1, _WINDOW + 1):
        at = np.flatnonzero(place >= step)
        if not len(at):
            break
        pairs.append(order[at - step] * len(keys) + order[at])
    for leader in range(_LEADERS):
        at = np.flatnonzero(place > leader + _WINDOW)
        pairs.append(order[start[at] + leader] * len(keys) + order[at])
    return np.concatenate(pairs)


def _verified(
    first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], texts: Texts, similarity: float
) -> Pairs:
    measured = np.zeros(len(first))
    for start in range(0, len(first), _VERIFY_PAIRS):
        part = slice(start, start + _VERIFY_PAIRS)
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
