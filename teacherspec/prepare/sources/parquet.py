"""Parquet files, read in bounded batches."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, OpenTable, Row, Table
from teacherspec.prepare.sources.arrow_sizes import PART_BYTES, PART_ROWS, SizeLimit, check_types
from teacherspec.prepare.sources.file_tables import file_tables
from teacherspec.spec.prepare.sources import ParquetSource

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_SHARED_BYTES = 256 << 20
"""Largest batch in bytes if every row had the largest shared value."""

_NEXT_I32 = b"\x15"
_DICTIONARY_PAGE = 2 << 1  # numbers are zigzag-coded

Decoder = Callable[[Any], Any]


def tables(source: ParquetSource, root: Path) -> list[Table]:
    """One table for each file. Raises `DataError`."""
    return file_tables(source, root, _open_file)


@contextmanager
def _open_file(source: ParquetSource, name: str, path: Path, wanted: Collection[str]) -> Iterator[OpenTable]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            columns = unique_columns(name, file.schema_arrow)
            check_types(name, file.schema_arrow, wanted)
            _check_groups(name, file, source.max_row_group_bytes)
            shared, rows = _shared_lists(file), _batch_rows(file, path, wanted)
        file = pq.ParquetFile(path, read_dictionary=shared)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: is not a readable Parquet file: {first_line(error)}") from error
    with file:
        chosen = [column for column in columns if column in wanted]
        batches = file.iter_batches(rows, columns=chosen)
        size_limit = SizeLimit(name, path.stat().st_size)
        yield OpenTable(columns, batch_rows(name, batches, file.schema_arrow, chosen, size_limit))


def first_line(error: Exception) -> str:
    """The first line of an error of Arrow."""
    return str(error).splitlines()[0]


def unique_columns(name: str, schema: "pa.Schema") -> tuple[str, ...]:
    """The names of the columns. Raises `DataError` when one is there twice."""
    columns = tuple(schema.names)
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise DataError(f"{name}: has the columns {', '.join(twice)} twice; rename one")
    return columns


def _check_groups(name: str, file: "pq.ParquetFile", max_row_group_bytes: int) -> None:
    for group in range(file.metadata.num_row_groups):
        size = file.metadata.row_group(group).total_byte_size
        if size > max_row_group_bytes:
            raise DataError(
                f"{name}: row group {group + 1} unpacks to {size} bytes (allowed: {max_row_group_bytes}); "
                "write the file with smaller row groups"
            )


def _chunks_of(file: "pq.ParquetFile") -> "Iterator[tuple[pq.ColumnChunkMetaData, int]]":
    """Every column chunk of a file, with the rows of its group."""
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        for column in range(group.num_columns):
            yield group.column(column), group.num_rows


def _shared_lists(file: "pq.ParquetFile") -> list[str]:
    """Columns of lists whose values are stored in a dictionary, to be read as one."""
    paths = {
        chunk.path_in_schema
        for chunk, _ in _chunks_of(file)
        if chunk.has_dictionary_page and chunk.physical_type == "BYTE_ARRAY" and "." in chunk.path_in_schema
    }
    return sorted(paths)


def _batch_rows(file: "pq.ParquetFile", path: Path, wanted: Collection[str]) -> int:
    """Rows of a batch: fewer where rows are large, such as images, or may be, by sharing a large value."""
    most = PART_ROWS
    with path.open("rb") as raw:
        for chunk, rows in _chunks_of(file):
            if chunk.path_in_schema.partition(".")[0] not in wanted:
                continue
            mean = chunk.total_uncompressed_size // max(1, rows)
            most = min(most, PART_BYTES // max(1, mean))
            if chunk.has_dictionary_page and chunk.physical_type == "BYTE_ARRAY":
                most = min(most, _SHARED_BYTES // max(1, dictionary_bytes(raw, chunk)))
    return max(1, most)


def dictionary_bytes(file: BinaryIO, chunk: "pq.ColumnChunkMetaData") -> int:
    """Bytes of the dictionary of a chunk, an upper bound for its largest value.

    The page header is a Thrift struct in the compact protocol, whose second field is the unpacked size
    (`uncompressed_page_size` of the Parquet format); for any other header the size of the chunk is returned.
    """
    file.seek(chunk.dictionary_page_offset)
    header = file.read(16)
    first, at = _varint(header, 1)
    size, _ = _varint(header, at + 1)
    known = header[:1] == header[at : at + 1] == _NEXT_I32 and first == _DICTIONARY_PAGE
    most = int(chunk.total_uncompressed_size)
    return min(size // 2, most) if known else most


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """The variable-length number at a place, and where it ends."""
    value = shift = 0
    while at < len(content):
        value |= (content[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if content[at - 1] < 128:
            break
    return value, at


def batch_rows(
    name: str,
    batches: "Iterable[pa.RecordBatch]",
    schema: "pa.Schema",
    wanted: Collection[str],
    size_limit: SizeLimit,
) -> Iterator[AnyRow]:
    """The rows of Arrow batches, class numbers as names.

    Raises:
        DataError: while iterating, when the data is damaged or expands to too much.
    """
    import pyarrow as pa

    decoders = class_label_decoders(schema.metadata or {}, wanted)
    number = 0
    try:
        for batch in batches:
            for part in size_limit.parts(batch):
                for values in _decoded(part, decoders):
                    number += 1
                    yield Row(number, values)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: broken after row {number}: {first_line(error)}") from error


def _decoded(batch: "pa.RecordBatch", decoders: dict[str, Decoder]) -> Iterator[dict[str, Any]]:
    for values in batch.to_pylist():
        for column, decode in decoders.items():
            values[column] = decode(values[column])
        yield values


def class_label_decoders(metadata: dict[bytes, bytes], wanted: Collection[str]) -> dict[str, Decoder]:
    """For each wanted column stored by `datasets` as class numbers: a function to the class name.

    The names are in the schema metadata (`huggingface` → `info.features`, `_type: ClassLabel`).
    """
    info = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {})
    features = info.get("features", {})
    return {
        column: _class_name(feature["names"])
        for column, feature in features.items()
        if column in wanted and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


def _class_name(names: list[str]) -> Decoder:
    def decode(value: Any) -> Any:
        # A number without a name (-1 marks unlabelled rows on the hub) stays a number and is refused later.
        return names[value] if isinstance(value, int) and 0 <= value < len(names) else value

    return decode
