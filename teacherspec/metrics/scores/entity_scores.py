"""Precision, recall and F1 of entities by exact span and type, as conlleval and seqeval count them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.entity_tags import Entity, entities, scheme_of, types_of
from teacherspec.metrics.scores.validation import FloatArray, IntArray

FOUND, PREDICTED, LABELLED = range(3)
"""Places of the last axis of counts: entities predicted right, predicted, and labelled."""


def entities_of_rows(words: IntArray, tags: npt.ArrayLike, names: Sequence[str]) -> Iterator[list[Entity]]:
    """The entities of each row.

    Args:
        words: `[N]`, words of each row.
        tags: `[W]` indices into the names, of all rows one after the other.
        names: of the tags.
    """
    scheme, ends = scheme_of(names), np.cumsum(words)
    spelt = [names[tag] for tag in np.asarray(tags, dtype=np.int64).tolist()]
    for first, end in zip((ends - words).tolist(), ends.tolist(), strict=True):
        yield entities(spelt[first:end], scheme)


def count_entities(
    words: IntArray, labels: npt.ArrayLike, predicted: npt.ArrayLike, names: Sequence[str]
) -> IntArray:
    """Counts `[N, K, 3]` of each row and type: right, predicted and labelled entities.

    Args:
        words: `[N]`, words of each row; W together.
        labels: `[W]` indices into the names.
        predicted: `[W]` likewise.
        names: of the tags; K is the number of types.
    """
    pairs = zip(
        entities_of_rows(words, labels, names), entities_of_rows(words, predicted, names), strict=True
    )
    return counts_of(pairs, types_of(names), len(words))


def counts_of(
    pairs: Iterable[tuple[Sequence[Entity], Sequence[Entity]]], types: Sequence[str], rows: int
) -> IntArray:
    """The same from labelled and predicted entities of each of N rows."""
    index = {name: at for at, name in enumerate(types)}
    counts = np.zeros((rows, len(types), 3), np.int64)
    for row, (labelled, predicted) in enumerate(pairs):
        for place, some in (
            (FOUND, set(labelled) & set(predicted)),
            (PREDICTED, predicted),
            (LABELLED, labelled),
        ):
            for name, count in Counter(one.type for one in some).items():
                counts[row, index[name], place] = count
    return counts


def precision_of(counts: IntArray) -> FloatArray:
    """Share `[…]` of predicted entities that are right, from counts `[…, 3]`; 0 where none is predicted."""
    return _share(counts[..., FOUND], counts[..., PREDICTED])


def recall_of(counts: IntArray) -> FloatArray:
    """Share `[…]` of labelled entities that are found, from counts `[…, 3]`; 0 where none is labelled."""
    return _share(counts[..., FOUND], counts[..., LABELLED])


def f1_of(counts: IntArray) -> FloatArray:
    """F1 `[…]` from counts `[…, 3]`; 0 where nothing is predicted or labelled."""
    return _share(2 * counts[..., FOUND], counts[..., PREDICTED] + counts[..., LABELLED])


def macro_f1_of(counts: IntArray) -> FloatArray:
    """Mean F1 `[…]` of the types that are predicted or labelled, from counts `[…, K, 3]`; 0 where none is."""
    occurs = counts[..., [PREDICTED, LABELLED]].sum(axis=-1) > 0
    return _share(f1_of(counts).sum(axis=-1), occurs.sum(axis=-1))


def _share(part: npt.ArrayLike, whole: npt.ArrayLike) -> FloatArray:
    of = np.asarray(whole, dtype=np.float64)
    share: FloatArray = np.divide(part, of, out=np.zeros_like(of), where=of > 0)
    return share
