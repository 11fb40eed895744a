"""How many bytes the rows of Arrow data take when each is expanded.

Arrow and Parquet store a value that many rows share once: a file of a kilobyte may expand to gigabytes. So
the size of rows is computed before they are created, rows are created in parts of bounded size, and a file
that expands to too much is refused.
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from teacherspec.errors import DataError
from teacherspec.prepare.mmap_columns import parts_by_size
from teacherspec.prepare.sources.decompress import FREE_BYTES, MAX_RATIO
from teacherspec.tasks.shared.columns.base import shown

if TYPE_CHECKING:
    import pyarrow as pa

PART_ROWS = 4096
PART_BYTES = 32 << 20
"""Most rows created at once, and their bytes unless one row alone has more."""

_NUMBER_BYTES = 8

Sizes = npt.NDArray[np.int64]


def row_bytes(batch: "pa.RecordBatch") -> Sizes:
    """Bytes `[N]` of each row."""
    total = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        total += _sizes(column)
    return total


def _sizes(array: "pa.Array") -> Sizes:
    """Bytes of each entry of an array; a type without length counts as a number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    data_type = array.type
    if pa.types.is_dictionary(data_type):
        of_values: Sizes = np.append(_sizes(array.dictionary), 0)
        return of_values[_filled(array.indices, -1)]
    if pa.types.is_list(data_type) or pa.types.is_large_list(data_type):
        ends = np.append(0, np.cumsum(_sizes(array.flatten())))
        lengths = _filled(pc.list_value_length(array), 0)
        of_lists: Sizes = np.diff(ends[np.append(0, np.cumsum(lengths))])
        return of_lists
    if pa.types.is_struct(data_type):
        of_structs: Sizes = sum(map(_sizes, array.flatten()), np.zeros(len(array), np.int64))
        return of_structs
    try:
        return _filled(pc.binary_length(array), 0)
    except pa.ArrowNotImplementedError:
        return np.full(len(array), _NUMBER_BYTES, np.int64)


def _filled(numbers: "pa.Array", instead_of_null: int) -> Sizes:
    filled: Sizes = numbers.fill_null(instead_of_null).to_numpy(zero_copy_only=False).astype(np.int64)
    return filled


def check_types(name: str, schema: "pa.Schema", wanted: Collection[str]) -> None:
    """Refuse column types whose values overlap in the file: their size is not known beforehand.

    Raises:
        DataError: a wanted column has such a type.
    """
    import pyarrow as pa

    problems = [
        f"{name}: column {shown(field.name)} has the type {field.type}; write it as plain values"
        for field in schema
        if field.name in wanted
        and any(
            is_type(field.type)
            for is_type in (
                pa.types.is_string_view,
                pa.types.is_binary_view,
                pa.types.is_list_view,
                pa.types.is_large_list_view,
                pa.types.is_run_end_encoded,
            )
        )
    ]
    if problems:
        raise DataError(problems)


class SizeLimit:
    """Divides the batches of one file into parts of bounded size, up to a multiple of its size on disk."""

    def __init__(self, name: str, file_bytes: int) -> None:
        """For a file of so many bytes, called `name` in messages."""
        self._name = name
        self._left = max(FREE_BYTES, MAX_RATIO * file_bytes)

    def parts(self, batch: "pa.RecordBatch") -> "Iterator[pa.RecordBatch]":
        """The rows of a batch in parts. Raises `DataError` when the file expands to too much."""
        sizes = row_bytes(batch)
        self._left -= int(sizes.sum())
        if self._left < 0:
            raise DataError(f"{self._name}: unpacks to over {MAX_RATIO} times its size; check it")
        for rows in parts_by_size(np.arange(batch.num_rows), sizes, PART_ROWS, PART_BYTES):
            yield batch.slice(rows[0], len(rows))
