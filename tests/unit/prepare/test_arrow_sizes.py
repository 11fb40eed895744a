"""The size of rows is known before they are made, whatever they share in the file."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teacherspec.prepare.sources.arrow_sizes import PART_ROWS, SizeLimit, row_bytes
from teacherspec.prepare.sources.parquet import dictionary_bytes
from teacherspec.prepare.sources.parquet_footer import ColumnChunk, column_chunks

TEXT = st.none() | st.text("aé😀", max_size=5)
PAIR = pa.struct({"x": pa.string(), "y": pa.string()})
ROWS = st.lists(
    st.fixed_dictionaries({"a": TEXT, "b": st.none() | st.lists(TEXT, max_size=3), "c": TEXT}), max_size=9
)


def bytes_of(value: Any) -> int:
    """The same by a plain loop."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return sum(map(bytes_of, parts)) if parts is not None else len((value or "").encode())


@settings(deadline=None)  # the first one imports
@given(ROWS, st.integers(0, 3))
def test_the_size_of_a_row_is_that_of_its_values(rows: list[dict[str, Any]], start: int) -> None:
    shared = pa.array([row["c"] for row in rows], pa.string()).dictionary_encode()
    batch = pa.record_batch(
        {
            "a": pa.array([row["a"] for row in rows], pa.string()),
            "b": pa.array([row["b"] for row in rows], pa.list_(pa.string())),
            "c": shared,
            "d": pa.array([{"x": row["a"], "y": row["c"]} for row in rows], PAIR),
        }
    ).slice(start)
    assert row_bytes(batch).tolist() == [bytes_of(row) for row in batch.to_pylist()]


def test_parts_hold_every_row_once() -> None:
    batch = pa.record_batch({"a": [str(at) for at in range(PART_ROWS + 5)]})
    parts = list(SizeLimit("a", 1).parts(batch))
    assert [part.num_rows for part in parts] == [PART_ROWS, 5]
    assert pa.Table.from_batches(parts) == pa.Table.from_batches([batch])


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("size", [1, 100, 70_000, 3_000_000])
def test_the_shared_values_of_parquet_are_measured(
    compression: str, version: str, size: int, tmp_path: Path
) -> None:
    table, path = pa.table({"a": ["x" * size] * 50}), tmp_path / "a.parquet"
    pq.write_table(table, path, compression=compression, data_page_version=version)
    (chunk,) = column_chunks(path)
    with path.open("rb") as file:
        assert dictionary_bytes(file, chunk) == 4 + size  # one value behind its length


def test_the_footer_of_parquet_is_read_as_pyarrow_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = {
        f"column {at}": [[str(at), "é"], [], None] * 5 for at in range(40)
    }  # longer lists than 14 entries
    table = pa.table(rows | {"number": range(15), "sure": [True, None, False] * 5, "text": ["a"] * 15})
    pq.write_table(table, path, row_group_size=4, use_dictionary=["text", "column 1.list.element"])
    metadata = pq.ParquetFile(path).metadata
    groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
    chunks = [(group, group.column(at)) for group in groups for at in range(group.num_columns)]
    assert list(column_chunks(path)) == [
        ColumnChunk(
            chunk.path_in_schema,
            group.num_rows,
            chunk.total_uncompressed_size,
            chunk.dictionary_page_offset if chunk.has_dictionary_page else None,
            chunk.physical_type == "BYTE_ARRAY",
        )
        for group, chunk in chunks
    ]
