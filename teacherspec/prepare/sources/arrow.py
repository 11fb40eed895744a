"""Arrow files and streams, as `datasets` saves them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from teacherspec.prepare.row_types import OpenTable, Table
from teacherspec.prepare.sources.arrow_sizes import SizeLimit, check_types
from teacherspec.prepare.sources.file_tables import file_tables
from teacherspec.prepare.sources.parquet import batch_rows, refusing_damage, unique_columns
from teacherspec.spec.prepare.sources import ArrowSource

if TYPE_CHECKING:
    import pyarrow as pa

_FILE_MAGIC = b"ARROW1"


def tables(source: ArrowSource, root: Path) -> list[Table]:
    """One table for each file. Raises `DataError`."""
    return file_tables(source, root, _open_file)


@contextmanager
def _open_file(_source: ArrowSource, name: str, path: Path, wanted: Collection[str]) -> Iterator[OpenTable]:
    import pyarrow as pa

    with pa.memory_map(str(path)) as mapped:
        with refusing_damage(name, "is not a readable Arrow file"):
            is_file = mapped.read(len(_FILE_MAGIC)) == _FILE_MAGIC
            mapped.seek(0)
            reader = pa.ipc.open_file(mapped) if is_file else pa.ipc.open_stream(mapped)
            columns = unique_columns(name, reader.schema, wanted)
            check_types(name, reader.schema, wanted)
        chosen = [column for column in columns if column in wanted]
        batches = (batch.select(chosen) for batch in (_file_batches(reader) if is_file else reader))
        size_limit = SizeLimit(name, path.stat().st_size)
        yield OpenTable(columns, batch_rows(name, batches, reader.schema, chosen, size_limit))


def _file_batches(reader: "pa.ipc.RecordBatchFileReader") -> "Iterator[pa.RecordBatch]":
    return (reader.get_batch(number) for number in range(reader.num_record_batches))
