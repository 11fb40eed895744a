"""What the footer of a Parquet file says about its column chunks.

pyarrow has the same numbers, but ends the process where those of a damaged file contradict each other: it
calls `ColumnChunk` of Arrow's C++ without catching its exceptions. Where it reads pages, it does catch them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_END_BYTES = 8
_BYTE_ARRAY = 6
_MAX_DEPTH = 32
_TRUE, _FALSE = 1, 2


class ColumnChunk(NamedTuple):
    """The values of one column in one row group.

    Attributes:
        path_in_schema: names of the column and of the fields in it, with `.` between them.
        rows: of its row group.
        total_uncompressed_size: in bytes.
        dictionary_page_offset: where the dictionary of its values begins; None without.
        is_byte_array: whether its values are texts or bytes.
    """

    path_in_schema: str
    rows: int
    total_uncompressed_size: int
    dictionary_page_offset: int | None
    is_byte_array: bool


def column_chunks(path: Path) -> Iterator[ColumnChunk]:
    """Every column chunk, row group by row group.

    The numbers of fields are those of `parquet.thrift` of the Parquet format.

    Raises:
        LookupError, ValueError, TypeError, AttributeError: the footer is damaged.
    """
    with path.open("rb") as file:
        file.seek(-_END_BYTES, 2)
        end = file.tell()
        size = int.from_bytes(file.read(4), "little")
        file.seek(max(0, end - size))
        footer = _Compact(file.read(size)).struct()
    for group in footer[4]:
        for chunk in group[1]:
            found = chunk[3]
            path_in_schema = b".".join(found[3]).decode()
            yield ColumnChunk(path_in_schema, group[3], found[6], found.get(11), found[1] == _BYTE_ARRAY)


class _Compact:
    """Reads Thrift's compact protocol: structs as dictionaries by number of the field."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        match kind:
            case 4 | 5 | 6:
                return self._signed()
            case 8:
                return self._bytes(self._unsigned())
            case 9 | 10:
                return self._list(depth)
            case 12:
                return self.struct(depth + 1)
            case 1 | 2 | 3:  # an entry of a list of truth values, or a byte
                return self._byte()
            case 7:
                return self._bytes(8)
        raise ValueError(f"a value of the unknown type {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        length = head >> 4 if head >> 4 < 15 else self._unsigned()
        if length > len(self._content):
            raise ValueError(f"a list of {length} entries in {len(self._content)} bytes")
        return [self._value(head & 15, depth + 1) for _ in range(length)]

    def _byte(self) -> int:
        self._at += 1
        return self._content[self._at - 1]

    def _bytes(self, length: int) -> bytes:
        self._at += length
        return self._content[self._at - length : self._at]

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) > 127:
            value |= (byte & 127) << shift
            shift += 7
        return value | byte << shift

    def _signed(self) -> int:
        zigzag = self._unsigned()
        return (zigzag >> 1) ^ -(zigzag & 1)
