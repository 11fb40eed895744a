"""Near duplicates: leaks between splits, repetition within one, labels that disagree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup.candidate_pairs import Comparison, Pairs, SortKeys, similar_pairs
from teacherspec.prepare.dedup.duplicates import Matches, RowKeys
from teacherspec.prepare.dedup.image_thumbnails import MIN_SIMILARITY, Thumbnail, ThumbnailComparison
from teacherspec.prepare.dedup.minhash import TextComparison
from teacherspec.prepare.dedup.signatures import SignatureComparison
from teacherspec.prepare.mmap_columns import Indices, Mask, Workspace, parts_by_size
from teacherspec.prepare.row_hashes import signature_words
from teacherspec.prepare.row_store import RowStore
from teacherspec.spec.prepare.prepare import NearDuplicates
from teacherspec.tasks.shared.columns.base import Column, VisualColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import compared

_BATCH_ROWS = 256
_BATCH_BYTES = 32 << 20


@dataclass(frozen=True)
class NearDuplicateMatches:
    """Findings among near duplicates.

    Attributes:
        leaks: near duplicates of a row of a split nearer to the report; partner: the most similar one.
        duplicates: near duplicates, directly or through other rows, of a row of their split with the same
            label and answers; partner: the first of these rows, which stays.
        disagreeing: near duplicates of a row with another label; partner: that row.
    """

    leaks: Matches
    duplicates: Matches
    disagreeing: Matches


NO_MATCHES = Matches(np.empty(0, np.int64), np.empty(0, np.int64))
NO_NEAR_DUPLICATES = NearDuplicateMatches(NO_MATCHES, NO_MATCHES, NO_MATCHES)


def find_near_duplicates(
    row_store: RowStore,
    fields: RowSchema,
    keys: RowKeys,
    among: Mask,
    section: NearDuplicates,
    workspace: Workspace,
) -> NearDuplicateMatches:
    """Find near duplicates among the rows of a mask `[N]`.

    Of two near duplicates the one nearer to the report comes first, then the one with the smaller hash.
    Where rows have texts and images, both must be similar; of pairs of texts each to that of its column.
    """

    def sort_keys(rows: Indices) -> tuple[npt.NDArray[np.generic], ...]:
        return (keys.answer[rows], keys.content[rows], -keys.split[rows])

    comparisons: list[Comparison] = []
    checks: list[Comparison | ThumbnailComparison] = []
    if signed := signature_words(fields.images()):
        images = SignatureComparison(section.image_similarity, [row_store.numbers(name) for name in signed])
        among = images.with_signature(among, workspace)
        comparisons.append(images)
        checks.append(_thumbnails(row_store, fields.images()))
    if texts := fields.texts():
        comparisons.append(_texts(row_store, texts, section.similarity))
    if fields.pair_order is not None:  # one long text would hide that the other one is different
        checks += [_texts(row_store, (text,), section.similarity) for text in texts]
    first, *others = comparisons
    pairs = similar_pairs(among, first, sort_keys, workspace)
    for other in (*others, *checks):
        close = other.similarities(pairs.first, pairs.second, workspace) >= other.similarity
        pairs = Pairs(pairs.first[close], pairs.second[close], pairs.similarity[close])
    leaks = _leaks(pairs, keys.split)
    stays = ~(np.isin(pairs.first, leaks.rows) | np.isin(pairs.second, leaks.rows))
    within = Pairs(pairs.first[stays], pairs.second[stays], pairs.similarity[stays])
    return NearDuplicateMatches(leaks, _duplicates(within, keys, sort_keys), _disagreeing(pairs, keys.label))


def _thumbnails(row_store: RowStore, columns: Sequence[VisualColumn]) -> ThumbnailComparison:
    names, sizes = [column.name for column in columns], row_store.numbers("size")

    def thumbnails(rows: Indices) -> list[Thumbnail]:
        grey = []
        for part in parts_by_size(rows, sizes[rows], _BATCH_ROWS, _BATCH_BYTES):
            values = row_store.gather(part, names).to_pylist()
            grey += [
                np.concatenate([column.grey_thumbnail(row[column.name]) for column in columns])
                for row in values
            ]
        return grey

    return ThumbnailComparison(MIN_SIMILARITY, thumbnails)


def _texts(row_store: RowStore, columns: Sequence[Column], similarity: float) -> TextComparison:
    names = [column.name for column in columns]

    def texts(rows: npt.NDArray[np.int64]) -> list[str]:
        values = row_store.gather(rows, names).to_pylist()
        joined = (" ".join(column.text(row[column.name]) for column in columns) for row in values)
        return [compared(text, columns[0].exact) for text in joined]

    return TextComparison(similarity, texts, row_store.numbers("size"))


def _leaks(pairs: Pairs, split: npt.NDArray[np.int8]) -> Matches:
    across = split[pairs.first] != split[pairs.second]  # the first of a pair is never in a lower split
    rows, partners = pairs.second[across], pairs.first[across]
    return _most_similar(rows, partners, pairs.similarity[across])


def _disagreeing(pairs: Pairs, label: npt.NDArray[np.int32]) -> Matches:
    labels = label[pairs.first], label[pairs.second]
    disagrees = (labels[0] != labels[1]) & (labels[0] >= 0) & (labels[1] >= 0)
    rows = np.concatenate([pairs.first[disagrees], pairs.second[disagrees]])
    partners = np.concatenate([pairs.second[disagrees], pairs.first[disagrees]])
    return _most_similar(rows, partners, np.tile(pairs.similarity[disagrees], 2))


def _most_similar(
    rows: npt.NDArray[np.int64], partners: npt.NDArray[np.int64], similarity: npt.NDArray[np.float64]
) -> Matches:
    """Each row once, with the most similar of its partners."""
    order = np.lexsort((-similarity, rows))
    _, first = np.unique(rows[order], return_index=True)
    return Matches(rows[order][first], partners[order][first])


def _duplicates(pairs: Pairs, keys: RowKeys, sort_keys: SortKeys) -> Matches:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    same = np.ones(len(pairs.first), bool)
    for values in (keys.split, keys.label, keys.answer):
        same &= values[pairs.first] == values[pairs.second]
    rows = np.unique(np.concatenate([pairs.first[same], pairs.second[same]]))
    rows = rows[np.lexsort(sort_keys(rows))]
    place = np.argsort(rows)
    rising = rows[place]
    ends = tuple(place[np.searchsorted(rising, end[same])] for end in (pairs.first, pairs.second))
    graph = coo_array((np.ones(len(ends[0]), bool), ends), shape=(len(rows), len(rows)))
    _, component = connected_components(graph, directed=False)
    _, leader = np.unique(component, return_index=True)
    repeats = np.flatnonzero(leader[component] != np.arange(len(rows)))
    return Matches(rows[repeats], rows[leader[component[repeats]]])
