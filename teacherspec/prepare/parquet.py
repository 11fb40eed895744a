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
            batches = file.iter_batches(BATCH_ROWS, columns=chosen)
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
            for values in _decoded(batch, decoders):
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
