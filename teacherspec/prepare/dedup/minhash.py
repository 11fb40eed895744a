"""Comparison of texts by MinHash and Jaccard index.

Two texts are compared by their sets of shingles, all runs of `SHINGLE` characters of the normalised text.
Their similarity is the Jaccard index of the sets; MinHash (Broder 1997; computed by `rensa` as a fast
similarity sketch, Dahlgaard et al. 2017, arXiv:1704.04370) keeps of each set a few minima that are equal with
that probability.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup.candidate_pairs import Comparison
from teacherspec.prepare.mmap_columns import Indices, Words, Workspace, parts_by_size
from teacherspec.prepare.split_assignment import mix

SHINGLE = 5
"""Characters of a shingle: long enough that unrelated short texts share few."""

_BATCH_ROWS = 1024
_BATCH_CHARACTERS = 4 << 20
_VERIFY_PAIRS = 20_000
_SHINGLE_BYTES = 256
"""Memory per shingle, with its part of the set around it."""

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

    most_values: ClassVar[int] = 72

    def keys(self, rows: Indices, bands: int, values: int) -> Words:
        """The hash `[bands, n]` of each band of minima of each row's shingles."""
        keys = np.empty((bands, len(rows)), np.uint64)
        places = np.arange(len(rows))
        for part in parts_by_size(places, self.characters[rows], _BATCH_ROWS, _BATCH_CHARACTERS):
            keys[:, part] = band_keys(self.texts(rows[part]), bands, values)
        return keys

    def similarities(self, first: Indices, second: Indices, workspace: Workspace) -> npt.NDArray[np.float64]:
        """The Jaccard index `[M]` of the shingles of pairs of rows."""
        sizes = self.characters[first].astype(np.int64) + self.characters[second]
        similarity = np.zeros(len(first))
        most = workspace.rows_at_once(_SHINGLE_BYTES)
        for part in parts_by_size(np.arange(len(first)), sizes, _VERIFY_PAIRS, most):
            needed = np.unique(np.concatenate([first[part], second[part]]))
            shingles = dict(zip(needed.tolist(), map(shingles_of, self.texts(needed)), strict=True))
            ends = zip(first[part].tolist(), second[part].tolist(), strict=True)
            similarity[part] = [jaccard(shingles[a], shingles[b]) for a, b in ends]
        return similarity


def band_keys(texts: Sequence[str], bands: int, minima: int) -> npt.NDArray[np.uint64]:
    """The hash `[bands, n]` of each band of minima of each text."""
    from rensa import RMinHash

    shingles, offsets = shingle_hashes(texts)
    signatures = RMinHash.digest_matrix_from_flat_token_hashes(shingles, offsets, bands * minima, _SEED)
    agreeing = np.array(signatures.to_rows(), np.uint64).reshape(len(texts), bands, minima)
    keys = np.zeros((len(texts), bands), np.uint64)
    for number in range(minima):
        keys = mix(keys ^ agreeing[:, :, number])
    return np.ascontiguousarray(keys.T)


def shingle_hashes(texts: Sequence[str]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The hash of every shingle of every text, one text after the other, and the n + 1 offsets of the texts.

    A text shorter than a shingle is one shingle.
    """
    padded = [text if len(text) >= SHINGLE else text.ljust(SHINGLE) for text in texts]
    lengths = np.array([len(text) for text in padded], np.int64)
    codes = np.frombuffer("".join(padded).encode("utf-32-le"), np.uint32).astype(np.uint64)
    hashes = codes[: len(codes) - SHINGLE + 1].copy()
    for shift in range(1, SHINGLE):
        hashes *= np.uint64(0x100000001B3)
        hashes ^= codes[shift : len(codes) - SHINGLE + 1 + shift]
    ends = np.cumsum(lengths)
    across = (ends[:-1, None] - np.arange(1, SHINGLE)).ravel()
    inside = np.ones(len(hashes), bool)
    inside[across] = False
    offsets = np.zeros(len(texts) + 1, np.uint64)
    offsets[1:] = np.cumsum(lengths - SHINGLE + 1)
    return mix(hashes[inside]), offsets


def shingles_of(text: str) -> frozenset[str]:
    """The set of shingles of a normalised text."""
    return frozenset(text[at : at + SHINGLE] for at in range(max(1, len(text) - SHINGLE + 1)))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Size of the intersection over size of the union."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
