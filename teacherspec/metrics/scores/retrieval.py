"""Recall of texts by images and of images by texts, where one may have several of the other.

Equal images are one image and equal texts one text: each query counts once, any of its right candidates
counts as a hit, and none of them counts as wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import FloatArray, IntArray

QUERIES_AT_ONCE = 1_024

RECALLED = (1, 5, 10)
"""The k of recall at k that reports state."""

SMALLEST_CANDIDATE_SET = 2
"""Candidates of which one is wrong."""


@dataclass(frozen=True)
class Paired:
    """N pairs of an image and a text, in one space.

    Attributes:
        images: `[N, D]` of length 1.
        texts: `[N, D]` of length 1.
        image_of: `[N]` numbers; pairs with equal numbers have the same image.
        text_of: `[N]` the same of texts.
    """

    images: npt.NDArray[np.float32]
    texts: npt.NDArray[np.float32]
    image_of: IntArray
    text_of: IntArray

    def __post_init__(self) -> None:
        rows = len(self.images)
        if not (
            self.images.shape == self.texts.shape
            and self.images.ndim == 2
            and self.image_of.shape == self.text_of.shape == (rows,)
        ):
            raise ValueError(
                f"pairs disagree: images {self.images.shape}, texts {self.texts.shape}, numbers "
                f"{self.image_of.shape} and {self.text_of.shape}; expected [N, D] twice and [N] twice"
            )

    def swapped(self) -> "Paired":
        """The same pairs with texts as queries."""
        return Paired(self.texts, self.images, self.text_of, self.image_of)


@dataclass(frozen=True)
class Ranks:
    """Ranks of the right candidates of Q different queries among M different candidates.

    Attributes:
        rank: `[Q]` place of the first right candidate, from 1. Wrong candidates that are as near count as
            nearer, so that a model with constant embeddings has recall 0.
        right: `[Q]` number of right candidates.
        candidates: M.
    """

    rank: IntArray
    right: IntArray
    candidates: int

    def recall(self, k: int) -> float:
        """Share of queries with a right candidate among the nearest `k`."""
        return float((self.rank <= k).mean())

    def chance(self, k: int) -> float:
        """The same expected of a random order, 1 - C(M - r, k) / C(M, k) on average."""
        if k >= self.candidates:
            return 1.0
        places = np.arange(k)
        missed = np.clip(
            (self.candidates - self.right[:, None] - places) / (self.candidates - places), 0.0, None
        )
        return float((1.0 - missed.prod(axis=1)).mean())


def image_to_text(pairs: Paired) -> Ranks:
    """Ranks of the texts of every different image among all different texts; the other way: `swapped()`."""
    queries, first, inverse = _different(pairs.image_of)
    _, first_text, candidate = _different(pairs.text_of)
    gallery = pairs.texts[first_text]
    ranks, rights = np.empty(len(queries), np.int64), np.empty(len(queries), np.int64)
    order = np.argsort(inverse, kind="stable")
    bounds = np.searchsorted(inverse[order], np.arange(len(queries) + 1))
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        chosen = range(start, min(start + QUERIES_AT_ONCE, len(queries)))
        near = pairs.images[first[chosen.start : chosen.stop]] @ gallery.T
        for at, query in enumerate(chosen):
            right = np.unique(candidate[order[bounds[query] : bounds[query + 1]]])
            best = near[at, right].max()
            wrong = int((near[at] >= best).sum()) - int((near[at, right] >= best).sum())
            ranks[query], rights[query] = 1 + wrong, len(right)
    return Ranks(ranks, rights, len(gallery))


def candidate_sets(pairs: Paired, size: int, seed: int) -> FloatArray:
    """Cosines of each pair's image with `size` texts, of which the last alone is right: `[N, size]`.

    The others are drawn from the different texts of the split that are not right for this image either.
    What a softmax over a candidate set means does not depend on how large the split is. The right one stands
    last, so that ties, which go to the first, are lost. For the other way take `pairs.swapped()`.

    Args:
        pairs: of one split.
        size: candidates, at most `largest_candidate_set(pairs)`.
        seed: of the draws.
    """
    _, first, candidate = _different(pairs.text_of)
    gallery, draw = pairs.texts[first], np.random.default_rng(seed)
    cosines = np.empty((len(pairs.images), size))
    for row, right in enumerate(_right(pairs.image_of, candidate)):
        drawn = draw.choice(len(gallery), min(len(gallery), size - 1 + len(right)), replace=False)
        wrong = drawn[~np.isin(drawn, right)][: size - 1]
        if len(wrong) < size - 1:
            raise ValueError(f"size: given {size}; pair {row} has {len(wrong)} wrong candidates")
        cosines[row] = gallery[[*wrong, candidate[row]]] @ pairs.images[row]
    return cosines


def largest_candidate_set(pairs: Paired) -> int:
    """Largest number of candidates that every pair of the split allows, in both directions."""

    def wrong(direction: Paired) -> int:
        different, _, candidate = _different(direction.text_of)
        return len(different) - max(len(right) for right in _right(direction.image_of, candidate))

    return 1 + min(wrong(pairs), wrong(pairs.swapped()))


def _different(numbers: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """The different numbers, where each comes first, and the place of every row's own among them."""
    different, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    return different, first, inverse.reshape(-1)


def _right(queries: IntArray, candidate: IntArray) -> Iterator[IntArray]:
    """For every row, the different candidates that any row with its query has."""
    order = np.argsort(queries, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(queries[order]) != 0])
    groups = [np.unique(candidate[rows]) for rows in np.split(order, starts[1:])]
    place = np.empty(len(queries), np.int64)
    place[order] = np.cumsum(np.r_[False, np.diff(queries[order]) != 0])
    for group in place:
        yield groups[group]
