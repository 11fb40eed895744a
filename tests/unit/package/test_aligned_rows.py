"""Rows and predictions are paired whatever their row groups, a bounded number of bytes at a time."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teacherspec.errors import DataError
from teacherspec.package import aligned_rows, resumable_shards
from teacherspec.package.aligned_rows import aligned_batches, write_split
from teacherspec.package.resumable_shards import read_shards
from teacherspec.splits import Split

MEBIBYTE = 1 << 20
IMAGES = pa.schema([("id", pa.string()), ("image", pa.binary())])


def write_groups(path: Path, table: pa.Table, sizes: Sequence[int]) -> Path:
    """The rows of a table in row groups of these sizes, repeated until all are written."""
    start = 0
    with pq.ParquetWriter(path, table.schema, use_dictionary=False) as writer:
        while start < len(table):
            for size in sizes:
                if part := table.slice(start, size):
                    writer.write_table(part, row_group_size=size)
                start += size
    return path


def images(rows: int, size: int) -> pa.Table:
    content = [at.to_bytes(4, "big") + bytes(size) for at in range(rows)]
    return pa.table({"id": [f"r{at}" for at in range(rows)], "image": pa.array(content, pa.binary())}, IMAGES)


def numbers(rows: int, swapped: bool = False) -> pa.Table:
    ids = [f"r{at}" for at in range(rows)]
    if swapped:
        ids[-1], ids[-2] = ids[-2], ids[-1]
    return pa.table({"id": ids, "number": list(range(rows))})


GROUPS = st.lists(st.integers(1, 40), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(1, 90), first=GROUPS, second=GROUPS, third=GROUPS, at_once=st.integers(1, 50))
def test_the_same_rows_lie_in_every_batch(
    tmp_path: Path, rows: int, first: list[int], second: list[int], third: list[int], at_once: int
) -> None:
    paths = [
        write_groups(tmp_path / "rows", images(rows, 8), first),
        write_groups(tmp_path / "predictions", numbers(rows), second),
        write_groups(tmp_path / "other", numbers(rows), third),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resumable_shards, "ROWS_AT_ONCE", at_once)
        batches = list(aligned_batches(*paths))
    assert all(len({len(batch) for batch in parts}) == 1 for parts in batches)
    assert max(len(row) for row, _, _ in batches) <= at_once
    for at, name in ((1, "number"), (2, "number")):
        found = [value for parts in batches for value in parts[at][name].to_pylist()]
        assert found == list(range(rows))
    assert [value for row, *_ in batches for value in row["id"].to_pylist()] == images(rows, 0)[
        "id"
    ].to_pylist()


def test_images_are_read_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row group of 24 images of 1 MiB, as an earlier release packed up to 65,536 of them."""
    rows = write_groups(tmp_path / "rows", images(24, MEBIBYTE), [24])
    predictions = write_groups(tmp_path / "predictions", numbers(24), [24])
    monkeypatch.setattr(resumable_shards, "BYTES_AT_ONCE", 4 * MEBIBYTE)
    sizes = [len(row) for row, *_ in aligned_batches(rows, predictions)]
    assert sum(sizes) == 24
    assert max(sizes) == 3, "three images and their offsets are just below 4 MiB"
    (tmp_path / "distill/soft").mkdir(parents=True)
    rows.rename(tmp_path / "distill/soft/train-00000-of-00001.parquet")
    assert max(map(len, read_shards(tmp_path / "distill", "train"))) == 3
    assert len(next(read_shards(tmp_path / "distill", "train", ["id"]))) == 24, "without images all at once"


@pytest.mark.parametrize("wrong", [numbers(9), numbers(11), numbers(10, swapped=True)])
def test_other_rows_are_refused(tmp_path: Path, wrong: pa.Table) -> None:
    rows = write_groups(tmp_path / "rows", images(10, 8), [4])
    predictions = write_groups(tmp_path / "predictions", wrong, [3])
    with pytest.raises(DataError, match="holds other rows than"):
        list(aligned_batches(rows, predictions))


@pytest.mark.parametrize("part", [1, 3, 4, 10, 17])
def test_shards_have_their_size_whatever_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(aligned_rows, "ROWS_PER_SHARD", 8)
    table = numbers(30)
    parts = (table.slice(start, part) for start in range(0, 30, part))
    split = Split("train", "train", 30, "0" * 64, tmp_path / "rows")
    write_split(tmp_path, split, table.schema, parts)
    written = [pq.read_table(path) for path in sorted((tmp_path / "soft").iterdir())]
    assert [len(one) for one in written] == [8, 8, 8, 6]
    assert pa.concat_tables(written).equals(table)
