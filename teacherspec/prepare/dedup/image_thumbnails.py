"""Comparison of small grey thumbnails, for images with equal perceptual hashes that are no copies, such as
simple drawings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.mmap_columns import Indices, Workspace

MIN_SIMILARITY = 0.8
"""Images may be copies from this similarity of their thumbnails: copies of photos pass (`benchmarks/images`),
drawings that merely share their hash do not."""

_BATCH_PAIRS = 512

Thumbnail = npt.NDArray[np.float32]
Thumbnails = Callable[[Indices], Sequence[Thumbnail]]
"""Row numbers → their thumbnails, grey values `[side, side]` from 0 to 255, in the same order."""


@dataclass(frozen=True)
class ThumbnailComparison:
    """Compares rows by the pixel in which their thumbnails differ most.

    Attributes:
        similarity: two rows may be near duplicates from this value.
        thumbnails: gives the thumbnails of rows.
    """

    similarity: float
    thumbnails: Thumbnails

    def similarities(self, first: Indices, second: Indices, workspace: Workspace) -> npt.NDArray[np.float64]:
        """One minus the largest difference `[M]` of grey values, the second made as bright as the first."""
        similarity = np.zeros(len(first))
        for start in range(0, len(first), _BATCH_PAIRS):
            part = slice(start, start + _BATCH_PAIRS)
            needed = np.unique(np.concatenate([first[part], second[part]]))
            by_row = dict(zip(needed.tolist(), self.thumbnails(needed), strict=True))
            ends = zip(first[part].tolist(), second[part].tolist(), strict=True)
            similarity[part] = [thumbnail_similarity(by_row[a], by_row[b]) for a, b in ends]
        return similarity


def thumbnail_similarity(one: Thumbnail, other: Thumbnail) -> float:
    """One minus the largest difference of two thumbnails of matched brightness; 1 for equal ones."""
    gain = np.clip((one.mean() + 1) / (other.mean() + 1), 0.7, 1.4)
    return 1 - float(np.abs(one - np.clip(other * gain, 0, 255)).max()) / 255
