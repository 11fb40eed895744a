"""Valid rows on disk while they are judged: only a few numbers a row ever come into memory."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 16_384


class Spool:
    """An append-only table in one Arrow file that removes itself.

    Used in two phases: `append` rows, then `seal`; after that `numbers` and `gather` read.
    """

    def __init__(self, path: Path, schema: "pa.Schema") -> None:
        """Create the file at `path` for rows of `schema`."""
        import pyarrow as pa

        self.schema = schema
        self._path = path
        self._rows: list[tuple[Any, ...]] = []
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._sink, schema)
        self._batches: list[pa.RecordBatch] = []
        self._sealed = False
        self._starts: npt.NDArray[np.int64] = np.zeros(1, np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._batches = []
        if not self._sealed:
            self._close()
        self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        self._sealed = True
        self._writer.close()
        self._sink.close()

    def append(self, row: tuple[Any, ...]) -> None:
        """Add one row, values in the order of the schema."""
        self._rows.append(row)
        if len(self._rows) == BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self.schema, strict=True)]
        self._writer.write_batch(pa.record_batch(arrays, schema=self.schema))
        self._rows = []

    def seal(self) -> None:
        """End the first phase: map the file into memory and take its name away, so that no kill leaves it."""
        import pyarrow as pa

        if self._rows:
            self._flush()
        self._close()
        reader = pa.ipc.open_file(pa.memory_map(str(self._path)))
        self._path.unlink()
        self._batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def numbers(self, column: str) -> npt.NDArray[Any]:
        """A numeric column as one array `[N]`, in the order of appending."""
        parts = [batch.column(column).to_numpy() for batch in self._batches]
        empty = np.empty(0, self.schema.field(column).type.to_pandas_dtype())
        return np.concatenate(parts) if parts else empty

    def packed(self, column: str) -> npt.NDArray[np.uint8]:
        """A column of fixed-size binary as one array `[N, bytes]`."""
        width = self.schema.field(column).type.byte_width
        parts = [np.frombuffer(batch.column(column).buffers()[1], np.uint8) for batch in self._batches]
        sizes = [batch.num_rows * width for batch in self._batches]
        flat = [part[:size] for part, size in zip(parts, sizes, strict=True)]
        return np.concatenate([np.empty(0, np.uint8), *flat]).reshape(-1, width)

    def gather(self, rows: npt.NDArray[np.int64], columns: Sequence[str]) -> "pa.Table":
        """The named columns of the given rows, in the given order."""
        import pyarrow as pa

        order = np.argsort(rows, kind="stable")
        batch_of = np.searchsorted(self._starts, rows[order], side="right") - 1
        parts = []
        for number in np.unique(batch_of):
            local = rows[order][batch_of == number] - self._starts[number]
            parts.append(self._batches[number].select(columns).take(pa.array(local)))
        schema = pa.schema([self.schema.field(column) for column in columns])
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pa.Table.from_batches(parts, schema).combine_chunks().take(pa.array(back))
