"""Parquet files, read in bounded batches."""

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import DataError
from teacherspec.prepare.rows import AnyRow, OpenTable, Row

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH_ROWS = 4096

Decoder = Callable[[Any], Any]


@contextmanager
def open_parquet(
    name: str, path: Path, wanted: Collection[str], max_row_group_bytes: int
) -> Iterator[OpenTable]:
    """Read the schema and start reading the wanted columns.

    Raises:
        DataError: not a readable Parquet file, a column twice, or a row group larger than allowed.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: is not a readable Parquet file: {str(error).splitlines()[0]}") from error
    with file:
        _check_groups(name, file, max_row_group_bytes)
        columns = _columns(name, file)
        yield OpenTable(columns, _rows(name, file, [column for column in columns if column in wanted]))


def _columns(name: str, file: "pq.ParquetFile") -> tuple[str, ...]:
    columns = tuple(file.schema_arrow.names)
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


def _rows(name: str, file: "pq.ParquetFile", wanted: list[str]) -> Iterator[AnyRow]:
    import pyarrow as pa

    decoders = class_label_decoders(file.schema_arrow.metadata or {}, wanted)
    number = 0
    try:
        for batch in file.iter_batches(_BATCH_ROWS, columns=wanted):
            for values in _decoded(batch, decoders):
                number += 1
                yield Row(number, values)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: broken behind row {number}: {str(error).splitlines()[0]}") from error


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
