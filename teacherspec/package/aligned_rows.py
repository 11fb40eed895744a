"""Soft targets from stored predictions: rows and predictions are read together, batch by batch."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import DataError
from teacherspec.package.resumable_shards import CONFIG, read_group, shard_name
from teacherspec.runtime.atomic_io import write_parquet_parts
from teacherspec.splits import Split

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

ROWS_PER_SHARD = 1 << 20


def aligned_batches(
    rows: Path, predictions: Path, extra: Path | None = None
) -> "Iterator[tuple[Any, Any, Any]]":
    """Record batches of the same rows of three Parquet files; None for the third where it is not given.

    The rows decide how many are read at once: a split of images has few rows in a batch.

    Raises:
        DataError: the files hold different rows.
    """
    import pyarrow.parquet as pq

    with ExitStack() as stack:
        paths = [path for path in (rows, predictions, extra) if path is not None]
        first, *others = [stack.enter_context(pq.ParquetFile(path)) for path in paths]
        problem = f"{predictions}: holds other rows than {rows}; run `dvc repro` again"
        if any(file.metadata.num_rows != first.metadata.num_rows for file in others):
            raise DataError(problem)
        readers = [_Reader(file) for file in others]
        for group in range(first.num_row_groups):
            for row in read_group(first, group):
                prediction, *other = (reader.take(len(row)) for reader in readers)
                if any(batch["id"] != row["id"] for batch in (prediction, *other)):
                    raise DataError(problem)
                yield row, prediction, other[0] if other else None


class _Reader:
    """The rows of a file in batches of the sizes that are wanted."""

    def __init__(self, file: "pq.ParquetFile") -> None:
        groups = range(file.num_row_groups)
        self._batches = (batch for group in groups for batch in read_group(file, group))
        self._left: pa.RecordBatch | None = None

    def take(self, rows: int) -> "pa.RecordBatch":
        """The next rows; there must be as many."""
        import pyarrow as pa

        parts = []
        while rows:
            batch = next(self._batches) if self._left is None else self._left
            parts.append(batch.slice(0, rows))
            rows -= len(parts[-1])
            self._left = batch.slice(len(parts[-1])) if len(parts[-1]) < len(batch) else None
        return pa.concat_batches(parts)


def write_split(target: Path, split: Split, schema: "pa.Schema", parts: "Iterator[pa.Table]") -> None:
    """Write the soft targets of a split, in shards of bounded size, below the folder `distill/`."""
    shards = max(1, -(-split.rows // ROWS_PER_SHARD))
    pending: list[pa.Table] = []
    for shard in range(shards):
        path = target / CONFIG / shard_name(split.name, shard, shards)
        write_parquet_parts(path, schema, _take_rows(parts, pending, ROWS_PER_SHARD))


def _take_rows(parts: "Iterator[pa.Table]", pending: "list[pa.Table]", rows: int) -> "Iterator[pa.Table]":
    """The next parts until `rows` rows are taken; what is left of the last one becomes `pending`."""
    while rows and (part := pending.pop() if pending else next(parts, None)) is not None:
        taken = part.slice(0, rows)
        if len(taken) < len(part):
            pending.append(part.slice(len(taken)))
        rows -= len(taken)
        yield taken
