"""Which rows say the same: duplicates in a split, leaks between splits, conflicting labels.

Pure index work on hashes; nothing here knows texts or files. Every result depends on the rows as a
set, never on their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.mmap_columns import Indices, Mask, Scratch, Words, all_of, parts_by_word

_ROW_BYTES = 160
"""Memory that sorting and comparing takes, for each row worked on."""


@dataclass(frozen=True)
class Rows:
    """What overlap is judged by, one entry a row.

    Attributes:
        content, content_low: `[N]` hash of the content.
        answer: `[N]` hash of the answers, 0 for tasks without.
        label: `[N]` index of the label, -1 without.
        split: `[N]` index of the split; a higher one is nearer to the report.
        digest: `[N]` hash of the whole row, to choose among rows of equal content.
    """

    content: Words
    content_low: Words
    answer: Words
    label: npt.NDArray[np.int32]
    split: npt.NDArray[np.int8]
    digest: Words


@dataclass(frozen=True)
class Found:
    """Rows that one finding is about, each with the row that makes it one.

    Attributes:
        rows: `[M]` the rows.
        because: `[M]` for each, the row it equals, leaks into or contradicts.
    """

    rows: Indices
    because: Indices

    def only(self, chosen: Mask) -> "Found":
        """The findings `[M]` that are chosen."""
        return Found(self.rows[chosen], self.because[chosen])

    @classmethod
    def joined(cls, parts: "Sequence[Found]") -> "Found":
        """The findings of several parts."""
        empty = np.empty(0, np.int64)
        rows, because = ([empty, *(getattr(part, name) for part in parts)] for name in ("rows", "because"))
        return cls(np.concatenate(rows), np.concatenate(because))


@dataclass(frozen=True)
class Overlap:
    """The three findings; no row is in two of them."""

    duplicates: Found
    leaks: Found
    conflicts: Found


FINDINGS = ("duplicates", "leaks", "conflicts")


def repeated(content: Words, among: Mask, scratch: Scratch) -> Indices:
    """Rows among those given, a mask `[N]`, whose content hash another of them has too."""
    found = [np.empty(0, np.int64)]
    for rows in parts_by_word(content, all_of(among), scratch.rows_at_once(_ROW_BYTES)):
        order = rows[np.argsort(content[rows], kind="stable")]
        same = _equals_previous(order, content)
        found.append(order[same | np.append(same[1:], False)[: len(same)]])
    return np.concatenate(found)


def find_repeats(words: Words, scratch: Scratch) -> Found:
    """Rows with the word of an earlier row; because: the one before. Words `[N]` of 0 do not count."""
    found = []
    for rows in parts_by_word(words, lambda chunk: words[chunk] != 0, scratch.rows_at_once(_ROW_BYTES)):
        order = rows[np.argsort(words[rows], kind="stable")]
        again = np.flatnonzero(_equals_previous(order, words))
        found.append(Found(order[again], order[again - 1]))
    return Found.joined(found)


def find_overlap(rows: Rows, among: Mask, scratch: Scratch) -> Overlap:
    """Judge the rows `among` all: duplicates first, leaks among what is left, conflicts among the rest.

    A duplicate has the content, answers and label of another row of its split; of equals the one with
    the smallest digest stays. A leak has content that also lies in a split nearer to the report. A
    conflict has the content of another row of its split but another label; all of them are named.
    """
    parts = parts_by_word(rows.content, all_of(among), scratch.rows_at_once(_ROW_BYTES))
    found = [_overlap_of(rows, part) for part in parts]
    return Overlap(*(Found.joined([getattr(one, name) for one in found]) for name in FINDINGS))


def _overlap_of(rows: Rows, chosen: Indices) -> Overlap:
    columns = (rows.digest, rows.answer, rows.label, rows.content_low, rows.content)
    digest, answer, label, low, content = (column[chosen] for column in columns)
    order = chosen[np.lexsort((digest, answer, label, -rows.split[chosen], low, content))]
    same_content = _equals_previous(order, rows.content, rows.content_low)
    same_row = same_content & _equals_previous(order, rows.split, rows.label, rows.answer)
    first, _ = _run_ends(same_row)
    duplicates = Found(order[same_row], order[first[same_row]])

    order, same_content = order[~same_row], same_content[~same_row]
    # Sorted by falling split: the first row of a content lies in the split nearest to the report.
    first, _ = _run_ends(same_content)
    leaked = rows.split[order] != rows.split[order[first]]
    leaks = Found(order[leaked], order[first[leaked]])

    order, same_content = order[~leaked], same_content[~leaked]
    first, last = _run_ends(same_content)
    torn = rows.label[order[first]] != rows.label[order[last]]
    other = np.where(rows.label[order] == rows.label[order[first]], last, first)
    conflicts = Found(order[torn], order[other[torn]])
    return Overlap(duplicates, leaks, conflicts)


def find_straddling(group: Words, split: npt.NDArray[np.int8], among: Mask, scratch: Scratch) -> Found:
    """Rows whose group also has rows in a split nearer to the report.

    Args:
        group: `[N]` hash of the group, 0 without.
        split: `[N]` index of the split.
        among: `[N]` rows to look at.
        scratch: how many at once.
    """
    found = []
    for rows in parts_by_word(
        group, lambda chunk: among[chunk] & (group[chunk] != 0), scratch.rows_at_once(_ROW_BYTES)
    ):
        order = rows[np.lexsort((-split[rows], group[rows]))]
        first, _ = _run_ends(_equals_previous(order, group))
        straddling = split[order] != split[order[first]]
        found.append(Found(order[straddling], order[first[straddling]]))
    return Found.joined(found)


def _equals_previous(order: Indices, *columns: npt.NDArray[np.generic]) -> Mask:
    """For each position of the order, whether the row equals the one before it in all columns."""
    equal = np.ones(len(order), bool)
    equal[:1] = False
    for column in columns:
        values = column[order]
        equal[1:] &= values[1:] == values[:-1]
    return equal


def _run_ends(continues: Mask) -> tuple[Indices, Indices]:
    """For each position, where its run begins and ends; `continues` is False where one begins."""
    run = np.cumsum(~continues) - 1
    begins = np.flatnonzero(~continues)
    ends = np.append(begins[1:], len(continues)) - 1
    return begins[run], ends[run]
