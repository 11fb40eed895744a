"""Soft targets from stored predictions: rows and predictions are read together, batch by batch."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import DataError
from teacherspec.package.resumable_shards import CONFIG, shard_name
from teacherspec.runtime.atomic_io import write_parquet_parts
from teacherspec.splits import Split

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_PART = 65_536
ROWS_PER_SHARD = 16 * ROWS_PER_PART


def aligned_batches(
    rows: Path, predictions: Path, out_of_fold: Path | None = None
) -> "Iterator[tuple[Any, Any, Any]]":
    """Record batches of the same rows of three Parquet files; None for the third where it is not given.

    Raises:
        DataError: the files hold different rows.
    """
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        paths = [path for path in (rows, predictions, out_of_fold) if path is not None]
        files = [stack.enter_context(pq.ParquetFile(path)) for path in paths]
        problem = f"{predictions}: holds other rows than {rows}; run `dvc repro` again"
        if len({file.metadata.num_rows for file in files}) > 1:
            raise DataError(problem)
        iterators = [file.iter_batches(batch_size=ROWS_PER_PART) for file in files]
        for batches in zip(*iterators, strict=True):
            if any(batch["id"] != batches[0]["id"] for batch in batches):
                raise DataError(problem)
            row, prediction, *other = batches
            yield row, prediction, other[0] if other else None


def write_split(target: Path, split: Split, schema: "pa.Schema", parts: "Iterator[pa.Table]") -> None:
    """Write the soft targets of a split, in shards of bounded size, below the folder `distill/`."""
    shards = max(1, -(-split.rows // ROWS_PER_SHARD))
    for shard in range(shards):
        path = target / CONFIG / shard_name(split.name, shard, shards)
        write_parquet_parts(path, schema, _take_rows(parts, ROWS_PER_SHARD))


def _take_rows(parts: "Iterator[pa.Table]", rows: int) -> "Iterator[pa.Table]":
    """The next parts until `rows` rows are taken; a part never spans two shards."""
    taken = 0
    while taken < rows and (part := next(parts, None)) is not None:
        taken += len(part)
        yield part
