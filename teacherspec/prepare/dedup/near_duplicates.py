"""What nearly equal rows mean: leaks between splits, repetition within one, labels that disagree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup.candidate_pairs import Comparison, Leading, Pairs, similar_pairs
from teacherspec.prepare.dedup.duplicates import Found, Rows
from teacherspec.prepare.dedup.image_thumbprints import ALIKE, Sketch, SketchComparison
from teacherspec.prepare.dedup.minhash import TextComparison
from teacherspec.prepare.dedup.signatures import SignatureComparison
from teacherspec.prepare.mmap_columns import Indices, Mask, Scratch, parts_by_size
from teacherspec.prepare.row_hashes import signature_words
from teacherspec.prepare.row_store import Spool
from teacherspec.spec.prepare import NearDuplicates
from teacherspec.tasks.columns.base import Column, VisualColumn
from teacherspec.tasks.columns.row_schema import RowSchema
from teacherspec.tasks.columns.text import normalised

_SKETCHED_ROWS = 256
_SKETCHED_BYTES = 32 << 20


@dataclass(frozen=True)
class Near:
    """Findings among nearly equal rows.

    Attributes:
        leaks: rows nearly equal to a row of a split nearer to the report; because: the most similar one.
        duplicates: rows nearly equal, directly or in steps, to another row of their split with the same
            label and answers; because: the one of them that leads.
        disagreeing: rows nearly equal to a row with another label; because: that row.
    """

    leaks: Found
    duplicates: Found
    disagreeing: Found


NOTHING = Found(np.empty(0, np.int64), np.empty(0, np.int64))
NO_NEAR = Near(NOTHING, NOTHING, NOTHING)


def find_near(
    spool: Spool,
    fields: RowSchema,
    placed: Rows,
    among: Mask,
    section: NearDuplicates,
    scratch: Scratch,
) -> Near:
    """Compare the rows `among` all; rows nearer to the report, then smaller hashes, lead.

    Where rows hold texts and images, both must be nearly the same.
    """

    def leading(rows: Indices) -> tuple[npt.NDArray[np.generic], ...]:
        return (placed.answer[rows], placed.content[rows], -placed.split[rows])

    comparisons: list[Comparison] = []
    checks: list[Comparison | SketchComparison] = []
    if signed := signature_words(fields.images()):
        images = SignatureComparison(section.image_similarity, [spool.numbers(name) for name in signed])
        among = images.signed(among, scratch)
        comparisons.append(images)
        checks.append(_sketches(spool, fields.images()))
    if texts := fields.texts():
        comparisons.append(_texts(spool, texts, section.similarity))
    first, *others = comparisons
    pairs = similar_pairs(among, first, leading, scratch)
    for other in (*others, *checks):
        close = other.measured(pairs.first, pairs.second, scratch) >= other.similarity
        pairs = Pairs(pairs.first[close], pairs.second[close], pairs.similarity[close])
    leaks = _leaks(pairs, placed.split)
    stays = ~(np.isin(pairs.first, leaks.rows) | np.isin(pairs.second, leaks.rows))
    within = Pairs(pairs.first[stays], pairs.second[stays], pairs.similarity[stays])
    return Near(leaks, _duplicates(within, placed, leading), _disagreeing(pairs, placed.label))


def _sketches(spool: Spool, rules: Sequence[VisualColumn]) -> SketchComparison:
    names, sizes = [rule.name for rule in rules], spool.numbers("size")

    def sketches(rows: Indices) -> list[Sketch]:
        found = []
        for part in parts_by_size(rows, sizes[rows], _SKETCHED_ROWS, _SKETCHED_BYTES):
            values = spool.gather(part, names).to_pylist()
            found += [
                np.concatenate([rule.grey_thumbnail(row[rule.name]) for rule in rules]) for row in values
            ]
        return found

    return SketchComparison(ALIKE, sketches)


def _texts(spool: Spool, rules: Sequence[Column], similarity: float) -> TextComparison:
    names = [rule.name for rule in rules]

    def texts(rows: npt.NDArray[np.int64]) -> list[str]:
        values = spool.gather(rows, names).to_pylist()
        return [normalised(" ".join(rule.text(row[rule.name]) for rule in rules)) for row in values]

    return TextComparison(similarity, texts, spool.numbers("size"))


def _leaks(pairs: Pairs, split: npt.NDArray[np.int8]) -> Found:
    across = split[pairs.first] != split[pairs.second]  # the first of a pair never lies in a lower split
    rows, because = pairs.second[across], pairs.first[across]
    return _most_similar(rows, because, pairs.similarity[across])


def _disagreeing(pairs: Pairs, label: npt.NDArray[np.int32]) -> Found:
    labels = label[pairs.first], label[pairs.second]
    torn = (labels[0] != labels[1]) & (labels[0] >= 0) & (labels[1] >= 0)
    rows = np.concatenate([pairs.first[torn], pairs.second[torn]])
    because = np.concatenate([pairs.second[torn], pairs.first[torn]])
    return _most_similar(rows, because, np.tile(pairs.similarity[torn], 2))


def _most_similar(
    rows: npt.NDArray[np.int64], because: npt.NDArray[np.int64], similarity: npt.NDArray[np.float64]
) -> Found:
    """Each row once, with the most similar of its partners."""
    order = np.lexsort((-similarity, rows))
    _, first = np.unique(rows[order], return_index=True)
    return Found(rows[order][first], because[order][first])


def _duplicates(pairs: Pairs, placed: Rows, leading: Leading) -> Found:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    alike = np.ones(len(pairs.first), bool)
    for values in (placed.split, placed.label, placed.answer):
        alike &= values[pairs.first] == values[pairs.second]
    rows = np.unique(np.concatenate([pairs.first[alike], pairs.second[alike]]))
    rows = rows[np.lexsort(leading(rows))]
    place = np.argsort(rows)
    rising = rows[place]
    ends = tuple(place[np.searchsorted(rising, end[alike])] for end in (pairs.first, pairs.second))
    graph = coo_array((np.ones(len(ends[0]), bool), ends), shape=(len(rows), len(rows)))
    _, component = connected_components(graph, directed=False)
    _, leader = np.unique(component, return_index=True)
    follows = np.flatnonzero(leader[component] != np.arange(len(rows)))
    return Found(rows[follows], rows[leader[component[follows]]])
