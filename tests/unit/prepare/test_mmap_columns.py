"""Rows processed in parts give the same result, in memory that does not grow with the rows."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.errors import UserError
from teacherspec.prepare.dedup.candidate_pairs import similar_pairs
from teacherspec.prepare.dedup.duplicates import (
    RowKeys,
    find_group_leaks,
    find_overlap,
    find_repeats,
    repeated,
)
from teacherspec.prepare.dedup.minhash import TextComparison
from teacherspec.prepare.mmap_columns import Workspace, all_of, parts_by_size, parts_by_word
from teacherspec.prepare.run import prepare
from teacherspec.runtime.atomic_io import sha256_file
from teacherspec.runtime.machine import WORKING_MEMORY, working_memory
from tests.unit.prepare.toy_data import Workshop, jsonl

WORDS = st.lists(st.sampled_from([0, 1, 2**62, 2**63, 2**64 - 1, 2**64 - 2, 7 << 60]), max_size=40)


@given(WORDS, st.data(), st.integers(1, 20))
def test_parts_hold_every_row_once_and_equal_words_together(
    words: list[int], data: st.DataObject, most_rows: int
) -> None:
    column = np.array(words, np.uint64)
    among = np.array(data.draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words))), bool)
    parts = list(parts_by_word(column, all_of(among), most_rows))
    assert sorted(row for part in parts for row in part.tolist()) == np.flatnonzero(among).tolist()
    homes = [{words[row] for row in part} for part in parts]
    assert sum(map(len, homes)) == len(set().union(*homes))
    met = [word for home in homes for word in sorted(home)]
    assert met == sorted(met)


def test_parts_are_even(tmp_path: Path) -> None:
    words = np.random.default_rng(0).integers(0, 2**64, 10_000, np.uint64)
    sizes = [len(part) for part in parts_by_word(words, all_of(np.ones(10_000, bool)), 1000)]
    assert len(sizes) == 10
    assert max(sizes) < 1150


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 6), st.integers(1, 30))
def test_parts_by_size_keep_order_and_limits(sizes: list[int], most_rows: int, most: int) -> None:
    parts = list(parts_by_size(np.arange(len(sizes)), np.array(sizes, np.int32), most_rows, most))
    assert [row for part in parts for row in part.tolist()] == list(range(len(sizes)))
    assert all(len(part) == 1 or sum(sizes[row] for row in part) <= most for part in parts)
    assert all(1 <= len(part) <= most_rows for part in parts)


def test_a_column_starts_with_zeros_and_leaves_no_file(tmp_path: Path) -> None:
    column = Workspace(tmp_path, 1).column(5, np.int32)
    column[2] = 7
    assert column.tolist() == [0, 0, 7, 0, 0]
    assert list(tmp_path.iterdir()) == []
    assert len(Workspace(tmp_path, 1).column(0, np.int32)) == 0


def text_of(row: int) -> str:
    """Texts of rows: in every hundred, ten that are nearly the same."""
    source = row - row % 10 if row % 100 < 10 else row
    draw = np.random.default_rng(source)
    words = " ".join("".join(map(chr, draw.integers(97, 123, 5).tolist())) for _ in range(12))
    return words if source == row else words[:-1] + "0123456789"[row % 10]


def test_memory_decides_no_byte(workshop: Workshop) -> None:
    rows = [{"text": text_of(row), "label": f"c{row % 3}", "user": row % 997} for row in range(3000)]
    workshop.write("data/rows.jsonl", jsonl([*rows, *rows[::7]]))
    section = workshop.section(
        [{"kind": "jsonl", "path": "data/rows.jsonl", "rows_per_class": 900}],
        group="user",
        near_duplicates={"within_split": "drop"},
        folds=3,
    )
    found = []
    for memory in (1, 1 << 30):
        prepare(workshop.root, "toy", workshop.fields, section, workshop.out, workshop.reports, memory)
        files = sorted(path for path in [*workshop.out.iterdir(), *workshop.reports.iterdir()])
        found.append({path.name: sha256_file(path) for path in files})
    assert found[0] == found[1]
    counted = workshop.metrics()["rows"]
    assert min(counted[name] for name in ("duplicates", "near_leaks", "near_duplicates", "unsampled")) > 10


def judged_peak(rows: int, folder: Path) -> int:
    """Bytes at the peak of judging so many rows with 2 MiB."""
    workspace = Workspace(folder, 2 << 20)
    draw = np.random.default_rng(0)
    words = [workspace.column(rows, np.uint64) for _ in range(3)]
    for column in words:
        column[:] = draw.integers(0, 2**64, rows, np.uint64)
    split, label = workspace.column(rows, np.int8), workspace.column(rows, np.int32)
    among = workspace.column(rows, bool)
    among[:] = True
    lengths = workspace.column(rows, np.int32)
    lengths[:] = 40
    tracemalloc.start()
    placed = RowKeys(words[0], words[1], words[2], label, split, words[2])
    overlap = find_overlap(placed, among, workspace)
    others = [find_group_leaks(words[0], split, among, workspace), find_repeats(words[1], workspace)]
    assert not any(len(one.rows) for one in (overlap.duplicates, overlap.leaks, overlap.conflicts, *others))
    assert not len(repeated(words[2], among, workspace))
    pairs = similar_pairs(
        among,
        TextComparison(
            0.9,
            lambda chosen: [f"{words[0][row]:020d} {words[1][row]:020d}" for row in chosen.tolist()],
            lengths,
        ),
        lambda chosen: (chosen,),
        workspace,
    )
    assert not len(pairs.first)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teacherspec.prepare.mmap_columns.CHUNK_ROWS", 2048)
    few, many = judged_peak(8_000, tmp_path), judged_peak(40_000, tmp_path)
    assert many < 1.25 * few
    monkeypatch.setattr("teacherspec.prepare.mmap_columns.CHUNK_ROWS", 1 << 18)
    assert judged_peak(40_000, tmp_path) > 1.25 * few  # the check can fail: here it is worked on at once


@pytest.mark.parametrize("given", ["", "15", "2GB", "-1"])
def test_a_budget_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(WORKING_MEMORY, given)
    with pytest.raises(UserError, match=f"{WORKING_MEMORY}: given '{given}'; allowed: a whole number of MiB"):
        working_memory()


def test_the_budget_is_declared_in_mebibytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKING_MEMORY, "64")
    assert working_memory() == 64 << 20
    monkeypatch.delenv(WORKING_MEMORY)
    assert working_memory() == 1 << 30
