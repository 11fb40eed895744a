"""Signatures that nearly equal values share most bits of, such as perceptual hashes of images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup.candidate_pairs import Comparison
from teacherspec.prepare.mmap_columns import Indices, Mask, Scratch, Words, chunks
from teacherspec.prepare.split_assignment import mix

_BATCH_ROWS = 16_384
_SEED = 0x5EED


@dataclass(frozen=True)
class SignatureComparison(Comparison):
    """Compares rows by the share of the bits of their signatures that agree.

    Candidates share all of a few bits, drawn once for each band (bit sampling: Indyk, Motwani 1998).

    Attributes:
        words: each `[N]`, 64 bits of the signature of every row.
    """

    words: Sequence[Words]

    most_numbers: ClassVar[int] = 2048

    def signed(self, among: Mask, scratch: Scratch) -> Mask:
        """The rows `[N]` among those given that have a signature: all zeros say nothing."""
        signed: Mask = scratch.column(len(among), bool)
        for chunk in chunks(len(among)):
            signed[chunk] = among[chunk] & np.logical_or.reduce([word[chunk] != 0 for word in self.words])
        return signed

    def keys(self, rows: Indices, bands: int, numbers: int) -> Words:
        """The hash `[bands, n]` of each band of drawn bits of each row."""
        draw = np.random.default_rng(_SEED)
        drawn = draw.integers(0, 64 * len(self.words), (bands, numbers))
        factors = draw.integers(0, 2**64, numbers, np.uint64) | np.uint64(1)
        keys = np.empty((bands, len(rows)), np.uint64)
        for start in range(0, len(rows), _BATCH_ROWS):
            part = slice(start, start + _BATCH_ROWS)
            packed = np.stack([word[rows[part]] for word in self.words], axis=1)
            bits = np.unpackbits(packed.view(np.uint8), axis=1)
            for band in range(bands):
                keys[band, part] = mix(np.where(bits[:, drawn[band]], factors, np.uint64(0)).sum(axis=1))
        return keys

    def measured(self, first: Indices, second: Indices, scratch: Scratch) -> npt.NDArray[np.float64]:
        """The share `[M]` of bits that agree."""
        differing = np.zeros(len(first), np.int64)
        for word in self.words:
            differing += np.bitwise_count(word[first] ^ word[second])
        return 1 - differing / (64 * len(self.words))
