from collections import defaultdict
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.prepare.dedup.duplicates import Overlap, RowKeys, find_overlap
from teacherspec.prepare.mmap_columns import Workspace

# (content, answer, label, split): few values, so that everything overlaps with everything.
ROW = st.tuples(st.integers(0, 4), st.integers(0, 1), st.integers(-1, 2), st.integers(0, 2))
ROWS = st.lists(ROW, max_size=30)


def rows_of(values: list[tuple[int, int, int, int]], digests: list[int] | None = None) -> RowKeys:
    columns = np.array(values, np.int64).reshape(-1, 4)
    return RowKeys(
        content=np.zeros(len(columns), np.uint64),
        content_low=columns[:, 0].astype(np.uint64),
        answer=columns[:, 1].astype(np.uint64),
        label=columns[:, 2].astype(np.int32),
        split=columns[:, 3].astype(np.int8),
        digest=np.array(digests if digests is not None else range(len(columns)), np.uint64),
    )


def overlap_of(values: list[tuple[int, int, int, int]], digests: list[int] | None = None) -> Overlap:
    workspace = Workspace(Path("unused"), memory_bytes=1 << 20)
    return find_overlap(rows_of(values, digests), np.ones(len(values), bool), workspace)


def kept(values: list[tuple[int, int, int, int]], overlap: Overlap) -> set[int]:
    removed = (overlap.duplicates, overlap.leaks, overlap.conflicts)
    return set(range(len(values))) - {int(row) for found in removed for row in found.rows}


def expected(values: list[tuple[int, int, int, int]]) -> tuple[set[int], set[int], set[int]]:
    """The same three findings by plain loops."""
    first = {}
    duplicates = set()
    for row, value in enumerate(values):
        if value in first:
            duplicates.add(row)
        first.setdefault(value, row)
    rest = [row for row in range(len(values)) if row not in duplicates]
    nearest = defaultdict(int)
    for row in rest:
        nearest[values[row][0]] = max(nearest[values[row][0]], values[row][3])
    leaks = {row for row in rest if values[row][3] < nearest[values[row][0]]}
    labels = defaultdict(set)
    for row in set(rest) - leaks:
        labels[values[row][0]].add(values[row][2])
    conflicts = {row for row in set(rest) - leaks if len(labels[values[row][0]]) > 1}
    return duplicates, leaks, conflicts


@given(ROWS)
def test_findings_agree_with_plain_loops(values: list[tuple[int, int, int, int]]) -> None:
    found = overlap_of(values)
    sets = tuple(set(part.rows.tolist()) for part in (found.duplicates, found.leaks, found.conflicts))
    assert sets == expected(values)


@given(ROWS)
def test_every_finding_names_a_row_that_explains_it(values: list[tuple[int, int, int, int]]) -> None:
    found = overlap_of(values)
    for row, partners in zip(found.duplicates.rows, found.duplicates.partners, strict=True):
        assert values[row] == values[partners]
        assert row != partners
    for row, partners in zip(found.leaks.rows, found.leaks.partners, strict=True):
        assert values[row][0] == values[partners][0]
        assert values[row][3] < values[partners][3]
    for row, partners in zip(found.conflicts.rows, found.conflicts.partners, strict=True):
        assert values[row][0] == values[partners][0]
        assert values[row][2] != values[partners][2]


@given(ROWS, st.randoms())
def test_what_stays_does_not_depend_on_the_order(values: list[tuple[int, int, int, int]], random) -> None:
    digests = list(range(len(values)))
    before = kept(values, overlap_of(values, digests))
    order = digests.copy()
    random.shuffle(order)
    shuffled = [values[at] for at in order]
    after = kept(shuffled, overlap_of(shuffled, [digests[at] for at in order]))
    assert {order[at] for at in after} == before


@given(ROWS)
def test_no_content_is_left_in_two_splits_or_under_two_labels(
    values: list[tuple[int, int, int, int]],
) -> None:
    stays = kept(values, overlap_of(values))
    assert len({values[row] for row in stays}) == len(stays)
    for index in (2, 3):
        assert len({(values[row][0], values[row][index]) for row in stays}) == len(
            {values[row][0] for row in stays}
        )


@given(ROWS)
def test_the_last_split_loses_only_copies_and_contradictions(values: list[tuple[int, int, int, int]]) -> None:
    found = overlap_of(values)
    last = max((value[3] for value in values), default=0)
    assert all(values[row][3] < last for row in found.leaks.rows)
