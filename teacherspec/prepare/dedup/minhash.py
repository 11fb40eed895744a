"""Texts that are nearly the same, by MinHash and Jaccard index.

Two texts are compared by their sets of pieces, all runs of `PIECE` characters of the normalised text.
Their similarity is the Jaccard index of the sets; MinHash (Broder 1997; computed by `rensa` as a fast
similarity sketch, Dahlgaard et al. 2017, arXiv:1704.04370) keeps of each set a few minima whose agreement
follows that index.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup.candidate_pairs import Comparison
from teacherspec.prepare.mmap_columns import Indices, Scratch, Words, parts_by_size
from teacherspec.prepare.split_assignment import mix

PIECE = 5
"""Characters of a piece: long enough that unrelated short texts share few."""

_BATCH_ROWS = 1024
_BATCH_CHARACTERS = 4 << 20
_VERIFY_PAIRS = 20_000
_PIECE_BYTES = 256
"""Memory that a piece takes in a set, and its share of what is around it."""

_SEED = 0x5EED

Texts = Callable[[npt.NDArray[np.int64]], Sequence[str]]
"""Row numbers → their normalised texts, in the same order."""


@dataclass(frozen=True)
class TextComparison(Comparison):
    """Compares rows by their texts.

    Attributes:
        texts: gives normalised texts.
        characters: `[N]` length of each text.
    """

    texts: Texts
    characters: npt.NDArray[np.int32]

    most_numbers: ClassVar[int] = 72

    def keys(self, rows: Indices, bands: int, numbers: int) -> Words:
        """The hash `[bands, n]` of each band of minima of each row's pieces."""
        keys = np.empty((bands, len(rows)), np.uint64)
        places = np.arange(len(rows))
        for part in parts_by_size(places, self.characters[rows], _BATCH_ROWS, _BATCH_CHARACTERS):
            keys[:, part] = band_keys(self.texts(rows[part]), bands, numbers)
        return keys

    def measured(self, first: Indices, second: Indices, scratch: Scratch) -> npt.NDArray[np.float64]:
        """The Jaccard index `[M]` of the pieces of pairs of rows."""
        sizes = self.characters[first].astype(np.int64) + self.characters[second]
        measured = np.zeros(len(first))
        most = scratch.rows_at_once(_PIECE_BYTES)
        for part in parts_by_size(np.arange(len(first)), sizes, _VERIFY_PAIRS, most):
            needed = np.unique(np.concatenate([first[part], second[part]]))
            pieces = dict(zip(needed.tolist(), map(pieces_of, self.texts(needed)), strict=True))
            ends = zip(first[part].tolist(), second[part].tolist(), strict=True)
            measured[part] = [jaccard(pieces[a], pieces[b]) for a, b in ends]
        return measured


def band_keys(texts: Sequence[str], bands: int, minima: int) -> npt.NDArray[np.uint64]:
    """The hash `[bands, n]` of each band of minima of each text."""
    from rensa import RMinHash

    pieces, borders = piece_hashes(texts)
    signatures = RMinHash.digest_matrix_from_flat_token_hashes(pieces, borders, bands * minima, _SEED)
    agreeing = np.array(signatures.to_rows(), np.uint64).reshape(len(texts), bands, minima)
    keys = np.zeros((len(texts), bands), np.uint64)
    for number in range(minima):
        keys = mix(keys ^ agreeing[:, :, number])
    return np.ascontiguousarray(keys.T)


def piece_hashes(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The hash of every piece of every text, one text after the other, and the n + 1 borders of texts.

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
    borders = np.zeros(len(texts) + 1, np.uint64)
    borders[1:] = np.cumsum(lengths - PIECE + 1)
    return mix(hashes[inside]), borders


def pieces_of(text: str) -> frozenset[str]:
    """The set of pieces of a normalised text."""
    return frozenset(text[at : at + PIECE] for at in range(max(1, len(text) - PIECE + 1)))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Size of the intersection over size of the union."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
