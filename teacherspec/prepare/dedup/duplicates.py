"""Rows with equal content: duplicates in a split, leaks between splits, conflicting labels.

All is computed from hashes, without texts or files. Every result depends on the set of rows, never on their
order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.mmap_columns import Indices, Mask, Words, Workspace, all_of, parts_by_word

_ROW_BYTES = 160
"""Memory that sorting and comparing takes per row."""


@dataclass(frozen=True)
class RowKeys:
    """The hashes and indices by which rows are compared, one entry a row.

    Attributes:
        content, content_low: `[N]` hash of the content.
        answer: `[N]` hash of the answers or of the labels of tokens, 0 for tasks without.
        label: `[N]` index of the label, -1 without.
        split: `[N]` index of the split; a higher one is nearer to the report.
        digest: `[N]` hash of all values of the row, to choose among rows of equal content.
        one_answer: whether equal content has one right answer, as labels of tokens are.
    """

    content: Words
    content_low: Words
    answer: Words
    label: npt.NDArray[np.int32]
    split: npt.NDArray[np.int8]
    digest: Words
    one_answer: bool = False


@dataclass(frozen=True)
class Matches:
    """Rows of one finding, each with the row that it matches.

    Attributes:
        rows: `[M]` the rows.
        partners: `[M]` for each, the row that it equals, leaks into or contradicts.
    """

    rows: Indices
    partners: Indices

    def only(self, chosen: Mask) -> "Matches":
        """The matches that a mask `[M]` selects."""
        return Matches(self.rows[chosen], self.partners[chosen])

    @classmethod
    def concatenated(cls, parts: "Sequence[Matches]") -> "Matches":
        """The matches of several parts."""
        empty = np.empty(0, np.int64)
        rows, partners = ([empty, *(getattr(part, name) for part in parts)] for name in ("rows", "partners"))
        return cls(np.concatenate(rows), np.concatenate(partners))


@dataclass(frozen=True)
class Overlap:
    """The three findings; no row is in two of them."""

    duplicates: Matches
    leaks: Matches
    conflicts: Matches


FINDINGS = ("duplicates", "leaks", "conflicts")


def repeated(content: Words, among: Mask, workspace: Workspace) -> Indices:
    """Rows of a mask `[N]` whose content hash also occurs in another row of it."""
    repeats = [np.empty(0, np.int64)]
    for rows in parts_by_word(content, all_of(among), workspace.rows_at_once(_ROW_BYTES)):
        order = rows[np.argsort(content[rows], kind="stable")]
        same = _equals_previous(order, content)
        repeats.append(order[same | np.append(same[1:], False)[: len(same)]])
    return np.concatenate(repeats)


def find_repeats(words: Words, workspace: Workspace) -> Matches:
    """Rows with the word of an earlier row, their partner. Words `[N]` of 0 are ignored."""
    parts = []
    for rows in parts_by_word(words, lambda chunk: words[chunk] != 0, workspace.rows_at_once(_ROW_BYTES)):
        order = rows[np.argsort(words[rows], kind="stable")]
        again = np.flatnonzero(_equals_previous(order, words))
        parts.append(Matches(order[again], order[again - 1]))
    return Matches.concatenated(parts)


def find_overlap(keys: RowKeys, among: Mask, workspace: Workspace) -> Overlap:
    """Find duplicates among the rows of a mask `[N]`, leaks among the remaining rows, then conflicts.

    A duplicate has the content, answers and label of another row of its split; of equal rows the one with
    the smallest digest stays. A leak has content that is also in a split nearer to the report. A conflict
    has the content of another row of its split but another label (or labels of tokens); all rows of a
    conflict are listed.
    """
    parts = parts_by_word(keys.content, all_of(among), workspace.rows_at_once(_ROW_BYTES))
    overlaps = [_overlap_of(keys, part) for part in parts]
    return Overlap(*(Matches.concatenated([getattr(one, name) for one in overlaps]) for name in FINDINGS))


def _overlap_of(keys: RowKeys, chosen: Indices) -> Overlap:
    columns = (keys.digest, keys.answer, keys.label, keys.content_low, keys.content)
    digest, answer, label, low, content = (column[chosen] for column in columns)
    order = chosen[np.lexsort((digest, answer, label, -keys.split[chosen], low, content))]
    same_content = _equals_previous(order, keys.content, keys.content_low)
    same_row = same_content & _equals_previous(order, keys.split, keys.label, keys.answer)
    first, _ = _run_ends(same_row)
    duplicates = Matches(order[same_row], order[first[same_row]])

    order, same_content = order[~same_row], same_content[~same_row]
    # Sorted by falling split: the first row of a content is in the split nearest to the report.
    first, _ = _run_ends(same_content)
    leaked = keys.split[order] != keys.split[order[first]]
    leaks = Matches(order[leaked], order[first[leaked]])

    order, same_content = order[~leaked], same_content[~leaked]
    first, last = _run_ends(same_content)
    # Sorted by label and answer within equal content: where first and last agree, all do.
    labels = keys.answer if keys.one_answer else keys.label
    disagrees = labels[order[first]] != labels[order[last]]
    other = np.where(labels[order] == labels[order[first]], last, first)
    conflicts = Matches(order[disagrees], order[other[disagrees]])
    return Overlap(duplicates, leaks, conflicts)


def find_group_leaks(group: Words, split: npt.NDArray[np.int8], among: Mask, workspace: Workspace) -> Matches:
    """Rows whose group also has rows in a split nearer to the report.

    Args:
        group: `[N]` hash of the group, 0 without.
        split: `[N]` index of the split.
        among: `[N]` mask of the rows to compare.
        workspace: limits how many rows are compared at once.
    """
    parts = []
    for rows in parts_by_word(
        group, lambda chunk: among[chunk] & (group[chunk] != 0), workspace.rows_at_once(_ROW_BYTES)
    ):
        order = rows[np.lexsort((-split[rows], group[rows]))]
        first, _ = _run_ends(_equals_previous(order, group))
        leaked = split[order] != split[order[first]]
        parts.append(Matches(order[leaked], order[first[leaked]]))
    return Matches.concatenated(parts)


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
