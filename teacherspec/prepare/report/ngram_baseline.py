"""A back-off n-gram model of answers: the most frequent next word after the last two, one or no words."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from teacherspec.text.words import words_and_punctuation

Ids = npt.NDArray[np.int64]

_CONTEXT_WORDS = 2
"""Words of the longest context."""


class Corpus(NamedTuple):
    """Texts as word numbers.

    Attributes:
        following: `[W]` every word of every text, and an end marker after each text.
        contexts: `[_CONTEXT_WORDS, W]` number of the context of the 1, 2, … words before it.
        text: `[W]` index of its text.
    """

    following: Ids
    contexts: Ids
    text: Ids


def corpus(texts: Sequence[str]) -> Corpus:
    """Number the words of texts; equal words have equal numbers in all texts, the end marker is number 0."""
    number: dict[str, int] = {}
    words = [
        [*(number.setdefault(word, len(number) + 1) for word in words_and_punctuation(text.lower())), 0]
        for text in texts
    ]
    lengths = np.array([len(one) for one in words], np.int64)
    following = np.array([word for one in words for word in one], np.int64)
    place = np.arange(len(following)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    contexts = np.zeros((_CONTEXT_WORDS, len(following)), np.int64)
    for back in range(1, _CONTEXT_WORDS + 1):
        before = np.where(place >= back, np.roll(following, back), 0)
        contexts[back - 1] = contexts[back - 2] * (len(number) + 1) + before if back > 1 else before
    return Corpus(following, contexts, np.repeat(np.arange(len(texts)), lengths))


class NextWord:
    """Most frequent next word with stupid backoff (Brants et al. 2007, D07-1090)."""

    def __init__(self) -> None:
        """Untrained."""
        self._tables: list[tuple[Ids, Ids]] = []

    def fit(self, contexts: Ids, following: Ids) -> Self:
        """Learn the words `[W]` that follow the contexts `[_CONTEXT_WORDS, W]`."""
        empty = np.zeros((1, len(following)), np.int64)
        self._tables = [_commonest(context, following) for context in (*contexts[::-1], *empty)]
        return self

    def predict(self, contexts: Ids) -> Ids:
        """The word `[W]` expected after each context `[_CONTEXT_WORDS, W]`."""
        expected = np.zeros(contexts.shape[1], np.int64)
        unmatched = np.ones(contexts.shape[1], bool)
        empty = np.zeros((1, contexts.shape[1]), np.int64)
        for context, (known, commonest) in zip((*contexts[::-1], *empty), self._tables, strict=True):
            at = np.searchsorted(known, context).clip(max=len(known) - 1)
            found = unmatched & (known[at] == context)
            expected[found] = commonest[at[found]]
            unmatched &= ~found
        return expected


def _commonest(context: Ids, following: Ids) -> tuple[Ids, Ids]:
    """Each context once, in order, and its most frequent next word; of equally frequent ones the smallest."""
    kinds = int(following.max()) + 1
    pairs, counts = np.unique(
        np.unique(context, return_inverse=True)[1] * kinds + following, return_counts=True
    )
    order = np.lexsort((pairs, -counts, pairs // kinds))
    first = np.unique(pairs[order] // kinds, return_index=True)[1]
    return np.unique(context), pairs[order][first] % kinds
