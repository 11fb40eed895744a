"""Parquet files, read in bounded batches."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from teacherspec.errors import DataError
from teacherspec.prepare.rows import AnyRow, OpenTable, Row
from teacherspec.prepare.source import FileSource

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 4096
_BATCH_BYTES = 32 << 20

Decoder = Callable[[Any], Any]


class ParquetSource(FileSource):
    """Parquet."""

    kind: Literal["parquet"]
    """The format."""

    max_row_group_bytes: int = Field(default=1 << 30, ge=1 << 20)
    """Largest row group in bytes when unpacked."""

    counts_lines: ClassVar[bool] = False

    @contextmanager
    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> Iterator[OpenTable]:
        """Read the wanted columns of one file. Raises `DataError`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{name}: is not a readable Parquet file: {first_line(error)}") from error
        with file:
            _check_groups(name, file, self.max_row_group_bytes)
            columns = unique_columns(name, file.schema_arrow)
            chosen = [column for column in columns if column in wanted]
            batches = file.iter_batches(_batch_rows(file, chosen), columns=chosen)
            yield OpenTable(columns, batch_rows(name, batches, file.schema_arrow, chosen))


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


def _batch_rows(file: "pq.ParquetFile", chosen: Collection[str]) -> int:
    """Rows of a batch: fewer where rows are large, such as images."""
    groups = [file.metadata.row_group(group) for group in range(file.metadata.num_row_groups)]
    of_row = 1
    for group in groups:
        parts = [group.column(number) for number in range(group.num_columns)]
        size = sum(
            part.total_uncompressed_size for part in parts if part.path_in_schema.partition(".")[0] in chosen
        )
        of_row = max(of_row, size // max(1, group.num_rows))
    return max(1, min(BATCH_ROWS, _BATCH_BYTES // of_row))


def batch_rows(
    name: str, batches: "Iterable[pa.RecordBatch]", schema: "pa.Schema", wanted: Collection[str]
) -> Iterator[AnyRow]:
    """The rows of Arrow batches, class numbers as names.

    Raises:
        DataError: while iterating, when the data is broken.
    """
    import pyarrow as pa

    decoders = class_label_decoders(schema.metadata or {}, wanted)
    number = 0
    try:
        for batch in batches:
            step = max(1, min(BATCH_ROWS, _BATCH_BYTES * batch.num_rows // max(1, batch.nbytes)))
            for start in range(0, batch.num_rows, step):
                for values in _decoded(batch.slice(start, step), decoders):
                    number += 1
                    yield Row(number, values)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: broken behind row {number}: {first_line(error)}") from error


def _decoded(batch: "pa.RecordBatch", decoders: dict[str, Decoder]) -> Iterator[dict[str, Any]]:
    for values in batch.to_pylist():
        for column, decode in decoders.items():
            values[column] = decode(values[column])
        yield values


def class_label_decoders(metadata: dict[bytes, bytes], wanted: Collection[str]) -> dict[str, Decoder]:
    """For each wanted column stored by `datasets` as class numbers: the way back to the class name.

    The names travel in the schema metadata (`huggingface` → `info.features`, `_type: ClassLabel`).
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
