"""Comparison by bit signatures, such as perceptual hashes of images: similar values share most bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup.candidate_pairs import Comparison
from teacherspec.prepare.mmap_columns import Indices, Mask, Words, Workspace, chunks
from teacherspec.prepare.split_assignment import mix

_BATCH_ROWS = 16_384
_SEED = 0x5EED


@dataclass(frozen=True)
class SignatureComparison(Comparison):
    """Compares rows by the fraction of equal bits of their signatures.

    Candidates agree in a few bits, sampled once for each band (bit sampling: Indyk, Motwani 1998).

    Attributes:
        words: each `[N]`, 64 bits of the signature of every row.
    """

    words: Sequence[Words]

    most_values: ClassVar[int] = 2048

    def with_signature(self, among: Mask, workspace: Workspace) -> Mask:
        """The rows `[N]` of the mask that have a signature: all zeros stand for none."""
        mask: Mask = workspace.column(len(among), bool)
        for chunk in chunks(len(among)):
            mask[chunk] = among[chunk] & np.logical_or.reduce([word[chunk] != 0 for word in self.words])
        return mask

    def keys(self, rows: Indices, bands: int, values: int) -> Words:
        """The hash `[bands, n]` of each band of sampled bits of each row."""
        generator = np.random.default_rng(_SEED)
        sampled = generator.integers(0, 64 * len(self.words), (bands, values))
        factors = generator.integers(0, 2**64, values, np.uint64) | np.uint64(1)
        keys = np.empty((bands, len(rows)), np.uint64)
        for start in range(0, len(rows), _BATCH_ROWS):
            part = slice(start, start + _BATCH_ROWS)
            packed = np.stack([word[rows[part]] for word in self.words], axis=1)
            bits = np.unpackbits(packed.view(np.uint8), axis=1)
            for band in range(bands):
                keys[band, part] = mix(np.where(bits[:, sampled[band]], factors, np.uint64(0)).sum(axis=1))
        return keys

    def similarities(self, first: Indices, second: Indices, workspace: Workspace) -> npt.NDArray[np.float64]:
        """The fraction `[M]` of equal bits."""
        differing = np.zeros(len(first), np.int64)
        for word in self.words:
            differing += np.bitwise_count(word[first] ^ word[second])
        return 1 - differing / (64 * len(self.words))
