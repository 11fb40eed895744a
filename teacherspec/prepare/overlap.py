"""Which rows say the same: duplicates in a split, leaks between splits, conflicting labels.

Pure index work on hashes; nothing here knows texts or files. Every result depends on the rows as a
set, never on their order.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Words = npt.NDArray[np.uint64]


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

    def only(self, mask: Mask) -> "Found":
        """The findings about rows for which the mask `[N]` of all rows holds."""
        chosen = mask[self.rows]
        return Found(self.rows[chosen], self.because[chosen])


@dataclass(frozen=True)
class Overlap:
    """The three findings; no row is in two of them."""

    duplicates: Found
    leaks: Found
    conflicts: Found


def repeated(content: Words, among: Mask) -> Mask:
    """Rows `[N]` among those given whose content hash another of them has too."""
    rows = np.flatnonzero(among)
    order = rows[np.argsort(content[rows], kind="stable")]
    same = _equals_previous(order, content)
    found = np.zeros(len(content), bool)
    found[order] = same | np.append(same[1:], False)[: len(same)]
    return found


def find_overlap(rows: Rows, among: Mask) -> Overlap:
    """Judge the rows `among` all: duplicates first, leaks among what is left, conflicts among the rest.

    A duplicate has the content, answers and label of another row of its split; of equals the one with
    the smallest digest stays. A leak has content that also lies in a split nearer to the report. A
    conflict has the content of another row of its split but another label; all of them are named.
    """
    chosen = np.flatnonzero(among)
    columns = (rows.digest, rows.answer, rows.label, -rows.split, rows.content_low, rows.content)
    order = chosen[np.lexsort([column[chosen] for column in columns])]
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


def find_straddling(group: Words, split: npt.NDArray[np.int8], among: Mask) -> Found:
    """Rows whose group also has rows in a split nearer to the report.

    Args:
        group: `[N]` hash of the group, 0 without.
        split: `[N]` index of the split.
        among: `[N]` rows to look at.
    """
    rows = np.flatnonzero(among & (group != 0))
    order = rows[np.lexsort((-split[rows], group[rows]))]
    first, _ = _run_ends(_equals_previous(order, group))
    straddling = split[order] != split[order[first]]
    return Found(order[straddling], order[first[straddling]])


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
