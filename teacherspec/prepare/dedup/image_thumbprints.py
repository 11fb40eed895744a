"""Small grey pictures that tell apart what perceptual hashes take for copies, such as simple drawings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.mmap_columns import Indices, Scratch

ALIKE = 0.8
"""Similarity of sketches from which images may be copies: copies of photos pass (`benchmarks/images`),
drawings that merely share their hash do not."""

_BATCH_PAIRS = 512

Sketch = npt.NDArray[np.float32]
Sketches = Callable[[Indices], Sequence[Sketch]]
"""Row numbers → their sketches, grey values `[side, side]` from 0 to 255, in the same order."""


@dataclass(frozen=True)
class SketchComparison:
    """Compares rows by the place at which their sketches differ most.

    Attributes:
        similarity: from which two rows may be nearly the same.
        sketches: gives sketches.
    """

    similarity: float
    sketches: Sketches

    def measured(self, first: Indices, second: Indices, scratch: Scratch) -> npt.NDArray[np.float64]:
        """One minus the largest difference `[M]` of grey values, the second made as bright as the first."""
        found = np.zeros(len(first))
        for start in range(0, len(first), _BATCH_PAIRS):
            part = slice(start, start + _BATCH_PAIRS)
            needed = np.unique(np.concatenate([first[part], second[part]]))
            drawn = dict(zip(needed.tolist(), self.sketches(needed), strict=True))
            ends = zip(first[part].tolist(), second[part].tolist(), strict=True)
            found[part] = [likeness(drawn[a], drawn[b]) for a, b in ends]
        return found


def likeness(one: Sketch, other: Sketch) -> float:
    """One minus the largest difference of two sketches, brightness apart; 1 for the same."""
    gain = np.clip((one.mean() + 1) / (other.mean() + 1), 0.7, 1.4)
    return 1 - float(np.abs(one - np.clip(other * gain, 0, 255)).max()) / 255
