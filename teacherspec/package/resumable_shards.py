"""Soft targets on disk, in shards: each is complete or absent, computed once, with progress on stderr."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from teacherspec.runtime.atomic_io import write_parquet_parts

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

CONFIG = "soft"
"""The one configuration of `distill/`, and its folder."""

INTERVAL_S = 10.0


ROWS_AT_ONCE = 4_096
BYTES_AT_ONCE = 64 << 20
"""Most that is read at once, in rows and in average bytes, so that images are read a few at a time."""


def read_group(
    file: "pq.ParquetFile", group: int, columns: Sequence[str] | None = None
) -> "Iterator[pa.RecordBatch]":
    """The rows of a row group in bounded memory."""
    about = file.metadata.row_group(group)
    chunks = [about.column(place) for place in range(about.num_columns)]
    read = [one for one in chunks if columns is None or one.path_in_schema.split(".")[0] in columns]
    mean = sum(one.total_uncompressed_size for one in read) // max(1, about.num_rows)
    rows = max(1, min(ROWS_AT_ONCE, BYTES_AT_ONCE // max(1, mean)))
    yield from file.iter_batches(rows, [group], columns if columns is None else list(columns))


def shard_paths(folder: Path, split: str) -> list[Path]:
    """The shards of a split in order, below the folder `distill/` of a package."""
    return sorted((folder / CONFIG).glob(f"{split}-[0-9]*-of-[0-9]*.parquet"))


def read_shards(folder: Path, split: str, columns: Sequence[str] | None = None) -> "Iterator[pa.RecordBatch]":
    """The rows of a split from the folder `distill/` of a package, in their order and in bounded memory."""
    import pyarrow.parquet as pq

    for path in shard_paths(folder, split):
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                for batch in read_group(file, group, columns):
                    batch.validate(full=True)  # a package may come from anybody
                    yield batch


def shard_name(split: str, shard: int, shards: int) -> str:
    """`train-00000-of-00003.parquet`, as `datasets` names them."""
    return f"{split}-{shard:05d}-of-{shards:05d}.parquet"


def columns_of(folder: Path, split: str) -> frozenset[str]:
    """Names of the columns of the soft targets of a split."""
    import pyarrow.parquet as pq

    return frozenset(pq.read_schema(shard_paths(folder, split)[0]).names)


def write_shards(
    folder: Path,
    split: str,
    schema: "pa.Schema",
    rows: int,
    rows_per_shard: int,
    parts: "Callable[[int, int], Iterator[pa.Table]]",
) -> list[Path]:
    """Write the shards of a split that are not there yet.

    A shard that is there is complete, because it is renamed into place when it is: after a kill only the
    unfinished one is done again. So `folder` must belong to exactly this work; name it by what determines it.

    Args:
        folder: where the shards go.
        split: name of the split.
        schema: of every shard.
        rows: of the split.
        rows_per_shard: of every shard but the last.
        parts: the rows from a start up to an end, as tables of bounded size.

    Returns:
        The shards in order.
    """
    shards = max(1, -(-rows // rows_per_shard))
    paths = [folder / shard_name(split, shard, shards) for shard in range(shards)]
    for shard, path in enumerate(paths):
        if not path.is_file():
            start = shard * rows_per_shard
            end = min(rows, start + rows_per_shard)
            write_parquet_parts(path, schema, _with_progress(parts(start, end), split, start, rows))
    return paths


def _with_progress(parts: "Iterator[pa.Table]", split: str, done: int, rows: int) -> "Iterator[pa.Table]":
    """The same parts; every few seconds a line on stderr with the rows done and the estimated time left."""
    began = printed = time.monotonic()
    start = done
    for part in parts:
        done += len(part)
        now = time.monotonic()
        if now - printed >= INTERVAL_S:
            printed = now
            left = (now - began) / (done - start) * (rows - done)
            line = f"package: soft targets of {split}: {done} of {rows} rows, {left:.0f} s left"
            print(line, file=sys.stderr, flush=True)
        yield part
