"""The plainest model of answers: the next word by what most often followed the last two, one or none."""

import re
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]

_WORD = re.compile(r"\w+|[^\w\s]")
_BEFORE = 2
"""Words that the longest context has."""


class Corpus(NamedTuple):
    """Texts as numbers of words.

    Attributes:
        following: `[W]` every word of every text, and an end after each text.
        contexts: `[_BEFORE, W]` number of the 1, 2, … words before it, as one.
        text: `[W]` which text it is of.
    """

    following: Ids
    contexts: Ids
    text: Ids


def corpus(texts: Sequence[str]) -> Corpus:
    """Number the words of texts; the same word has the same number in all of them, an end is number 0."""
    number: dict[str, int] = {}
    words = [
        [*(number.setdefault(word, len(number) + 1) for word in _WORD.findall(text.lower())), 0]
        for text in texts
    ]
    lengths = np.array([len(one) for one in words], np.int64)
    following = np.array([word for one in words for word in one], np.int64)
    place = np.arange(len(following)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    contexts = np.zeros((_BEFORE, len(following)), np.int64)
    for back in range(1, _BEFORE + 1):
        before = np.where(place >= back, np.roll(following, back), 0)
        contexts[back - 1] = contexts[back - 2] * (len(number) + 1) + before if back > 1 else before
    return Corpus(following, contexts, np.repeat(np.arange(len(texts)), lengths))


class NextWord:
    """Back-off by presence alone, as in stupid backoff (Brants et al. 2007, D07-1090), its best word only."""

    def __init__(self) -> None:
        """Untrained."""
        self._seen: list[tuple[Ids, Ids]] = []

    def fit(self, contexts: Ids, following: Ids) -> Self:
        """Learn from contexts `[_BEFORE, W]` what follows them, `[W]`."""
        nothing = np.zeros((1, len(following)), np.int64)
        self._seen = [_commonest(context, following) for context in (*contexts[::-1], *nothing)]
        return self

    def predict(self, contexts: Ids) -> Ids:
        """The word `[W]` expected after each context `[_BEFORE, W]`."""
        expected = np.zeros(contexts.shape[1], np.int64)
        open_ = np.ones(contexts.shape[1], bool)
        nothing = np.zeros((1, contexts.shape[1]), np.int64)
        for context, (known, commonest) in zip((*contexts[::-1], *nothing), self._seen, strict=True):
            at = np.searchsorted(known, context).clip(max=len(known) - 1)
            found = open_ & (known[at] == context)
            expected[found] = commonest[at[found]]
            open_ &= ~found
        return expected


def _commonest(context: Ids, following: Ids) -> tuple[Ids, Ids]:
    """Each context once, in order, and its most frequent follower, of equals the smallest number."""
    kinds = int(following.max()) + 1
    pairs, counts = np.unique(
        np.unique(context, return_inverse=True)[1] * kinds + following, return_counts=True
    )
    order = np.lexsort((pairs, -counts, pairs // kinds))
    first = np.unique(pairs[order] // kinds, return_index=True)[1]
    return np.unique(context), pairs[order][first] % kinds
