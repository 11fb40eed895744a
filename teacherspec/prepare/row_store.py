"""Valid rows on disk until the splits are written: only a few numbers of some rows are ever in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.mmap_columns import mapped_file, mapped_numbers, release_pages

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 16_384
BATCH_BYTES = 16 << 20
"""Most rows and bytes that are buffered before they are written."""

READ_BYTES = 64 << 20
"""Bytes of batches that are read before their memory is released."""

WORD = ">u8"


class RowStore:
    """An append-only temporary table: values in one Arrow file, each number in a file of its own.

    Used in two phases: `append` rows, then `seal`; after that `numbers` and `gather` read.
    """

    def __init__(
        self, folder: Path, schema: "pa.Schema", words: Sequence[str], numbers: Mapping[str, str]
    ) -> None:
        """Create the files in `folder`.

        Args:
            folder: for the files.
            schema: of the values.
            words: names of the 64-bit words of a row, given packed.
            numbers: further numbers of a row → their type.
        """
        import pyarrow as pa

        self.schema = schema
        self._path = folder / "rows.arrow"
        self._kinds = {**dict.fromkeys(words, "uint64"), **numbers}
        self._words = len(words)
        self._rows: list[tuple[Any, ...]] = []
        self._size = 0
        self._sink = pa.OSFile(str(self._path), "wb")
        self._writer = pa.ipc.new_file(self._sink, schema)
        self._paths = {name: folder / f"rows.{name}" for name in self._kinds}
        self._files = [path.open("wb") for path in self._paths.values()]
        self._numbers: dict[str, npt.NDArray[Any]] = {}
        self._batches: list[pa.RecordBatch] = []
        self._sealed = False
        self._read_bytes = 0
        self._starts: npt.NDArray[np.int64] = np.zeros(1, np.int64)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._batches, self._numbers = [], {}
        if not self._sealed:
            self._close()
        for path in (self._path, *self._paths.values()):
            path.unlink(missing_ok=True)

    def _close(self) -> None:
        self._sealed = True
        self._writer.close()
        self._sink.close()
        for file in self._files:
            file.close()

    def append(self, row: tuple[Any, ...], size: int) -> None:
        """Add one row.

        Args:
            row: its values in the order of the schema, its words packed big-endian, its numbers.
            size: of its values, roughly in bytes.
        """
        self._rows.append(row)
        self._size += size
        if len(self._rows) == BATCH_ROWS or self._size >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        columns = list(zip(*self._rows, strict=True))
        width = len(self.schema)
        arrays = [
            pa.array(column, field.type) for column, field in zip(columns[:width], self.schema, strict=True)
        ]
        self._writer.write_batch(pa.record_batch(arrays, schema=self.schema))
        words = np.frombuffer(b"".join(columns[width]), WORD).reshape(-1, self._words)
        numbers = [*words.T, *columns[width + 1 :]]
        for file, kind, column in zip(self._files, self._kinds.values(), numbers, strict=True):
            np.asarray(column, kind).tofile(file)
        self._rows, self._size = [], 0

    def seal(self) -> None:
        """End the first phase: memory-map the files and unlink them, so that nothing is left after a kill."""
        import pyarrow as pa

        if self._rows:
            self._flush()
        self._close()
        reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapped_file(self._path))))
        self._path.unlink()
        self._batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])
        for name, path in self._paths.items():
            self._numbers[name] = mapped_numbers(path, self._kinds[name])
            path.unlink()

    def __len__(self) -> int:
        return int(self._starts[-1])

    def numbers(self, column: str) -> npt.NDArray[Any]:
        """One number of every row, memory-mapped: `[N]`, in the order of appending."""
        return self._numbers[column]

    def gather(self, rows: npt.NDArray[np.int64], columns: Sequence[str]) -> "pa.Table":
        """The named values of the given rows, in the given order."""
        import pyarrow as pa

        order = np.argsort(rows, kind="stable")
        rising = rows[order]
        borders = np.searchsorted(rising, self._starts)  # the rows of a batch are contiguous
        parts = []
        for number in np.flatnonzero(np.diff(borders)):
            local = rising[borders[number] : borders[number + 1]] - self._starts[number]
            batch = self._batches[number].select(columns)
            parts.append(batch.take(pa.array(local)))
            self._read_bytes += batch.nbytes
            if self._read_bytes > READ_BYTES:
                release_pages()
                self._read_bytes = 0
        schema = pa.schema([self.schema.field(column) for column in columns])
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pa.Table.from_batches(parts, schema).combine_chunks().take(pa.array(back))
