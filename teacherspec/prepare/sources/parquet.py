"""Parquet files, read in bounded batches."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, OpenTable, Row, Table
from teacherspec.prepare.sources.arrow_sizes import PART_BYTES, PART_ROWS, SizeLimit, check_types
from teacherspec.prepare.sources.file_tables import file_tables
from teacherspec.prepare.sources.parquet_footer import ColumnChunk, column_chunks
from teacherspec.spec.prepare.sources import ParquetSource

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_SHARED_BYTES = 256 << 20
"""Largest batch in bytes if every row had the largest shared value."""

_NEXT_I32 = b"\x15"
_DICTIONARY_PAGE = 2 << 1  # numbers are zigzag-coded

_OF_DAMAGE = (
    *(OSError, ValueError, OverflowError, SystemError, MemoryError, RecursionError),
    *(LookupError, AttributeError, TypeError),
)
"""What Arrow raises of damaged files, besides its own errors: texts that are not UTF-8, dates out of range,
metadata of another structure."""

Decoder = Callable[[Any], Any]


def tables(source: ParquetSource, root: Path) -> list[Table]:
    """One table for each file. Raises `DataError`."""
    return file_tables(source, root, _open_file)


@contextmanager
def _open_file(source: ParquetSource, name: str, path: Path, wanted: Collection[str]) -> Iterator[OpenTable]:
    import pyarrow.parquet as pq

    with refusing_damage(name, "is not a readable Parquet file"):
        with pq.ParquetFile(path) as file:
            columns = unique_columns(name, file.schema_arrow, wanted)
            check_types(name, file.schema_arrow, wanted)
            _check_groups(name, file, source.max_row_group_bytes)
            chunks = list(column_chunks(path))
            shared, rows = _shared_lists(chunks), _batch_rows(chunks, path, wanted)
        file = pq.ParquetFile(path, read_dictionary=shared)
    with file:
        chosen = [column for column in columns if column in wanted]
        batches = file.iter_batches(rows, columns=chosen)
        size_limit = SizeLimit(name, path.stat().st_size)
        yield OpenTable(columns, batch_rows(name, batches, file.schema_arrow, chosen, size_limit))


@contextmanager
def refusing_damage(name: str, what: str) -> Iterator[None]:
    """Turn whatever Arrow raises of a damaged file into a `DataError` that says what is wrong with it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, *_OF_DAMAGE) as error:
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{name}: {what}: {first_line}") from error


def unique_columns(name: str, schema: "pa.Schema", wanted: Collection[str]) -> tuple[str, ...]:
    """The names of the columns. Raises `DataError` when a wanted one is there twice."""
    columns = tuple(schema.names)
    twice = sorted({column for column in columns if column in wanted and columns.count(column) > 1})
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


def _shared_lists(chunks: Sequence[ColumnChunk]) -> list[str]:
    """Columns of lists whose values are stored in a dictionary, to be read as one."""
    return sorted(
        {chunk.path_in_schema for chunk in chunks if _is_shared(chunk) and "." in chunk.path_in_schema}
    )


def _is_shared(chunk: ColumnChunk) -> bool:
    return chunk.dictionary_page_offset is not None and chunk.is_byte_array


def _batch_rows(chunks: Sequence[ColumnChunk], path: Path, wanted: Collection[str]) -> int:
    """Rows of a batch: fewer where rows are large, such as images, or may be, by sharing a large value."""
    most = PART_ROWS
    with path.open("rb") as raw:
        for chunk in chunks:
            if chunk.path_in_schema.partition(".")[0] not in wanted:
                continue
            mean = chunk.total_uncompressed_size // max(1, chunk.rows)
            most = min(most, PART_BYTES // max(1, mean))
            if _is_shared(chunk):
                most = min(most, _SHARED_BYTES // max(1, dictionary_bytes(raw, chunk)))
    return max(1, most)


def dictionary_bytes(file: BinaryIO, chunk: ColumnChunk) -> int:
    """Bytes of the dictionary of a chunk that has one, an upper bound for its largest value.

    The page header is a Thrift struct in the compact protocol, whose second field is the unpacked size
    (`uncompressed_page_size` of the Parquet format); for any other header the size of the chunk is returned.
    """
    file.seek(chunk.dictionary_page_offset or 0)
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
    decoders = class_label_decoders(name, schema.metadata or {}, wanted)
    remaining = (part for batch in batches for part in size_limit.parts(valid(batch)))
    number = 0
    while True:
        with refusing_damage(name, f"broken after row {number}"):
            if (part := next(remaining, None)) is None:
                return
            rows = part.to_pylist()
        for values in rows:
            for column, decode in decoders.items():
                values[column] = decode(values[column])
            number += 1
            yield Row(number, values)


def valid(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """The batch, none of whose offsets, lengths and indices leads out of its buffers.

    Arrow itself trusts them: with those of a damaged file it reads other memory of the process, or crashes.

    Raises:
        pa.ArrowInvalid: it is not valid.
    """
    batch.validate(full=True)
    return batch


def class_label_decoders(
    name: str, metadata: dict[bytes, bytes], wanted: Collection[str]
) -> dict[str, Decoder]:
    """For each wanted column stored by `datasets` as class numbers: a function to the class name.

    The names are in the schema metadata (`huggingface` → `info.features`, `_type: ClassLabel`).

    Raises:
        DataError: the metadata cannot be read.
    """
    with refusing_damage(name, "its metadata `huggingface` is damaged"):
        info = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {})
        return {
            column: _class_name(list(feature["names"]))
            for column, feature in info.get("features", {}).items()
            if column in wanted and feature.get("_type") == "ClassLabel" and feature.get("names")
        }


def _class_name(names: list[str]) -> Decoder:
    def decode(value: Any) -> Any:
        # A number without a name (-1 marks unlabelled rows on the hub) stays a number and is refused later.
        return names[value] if isinstance(value, int) and 0 <= value < len(names) else value

    return decode
