"""One JSON document that holds a list of rows somewhere inside."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, BadRow, OpenTable, Row
from teacherspec.prepare.sources.base import Encoding, FileSource
from teacherspec.prepare.sources.decompress import open_bytes
from teacherspec.prepare.sources.jsonl import decode_strictly
from teacherspec.tasks.columns.base import nearest, shown


class JsonDocumentSource(FileSource):
    """A list of rows in a JSON document: `{"train": [{"text": …}, …]}` or lists of values."""

    kind: Literal["json_document"]
    """The format."""

    rows: str = ""
    """Keys that lead to the list, with `.` between them; empty where the document is the list."""

    names: tuple[str, ...] | None = None
    """Column names, where each row is a list of values in place of an object."""

    encoding: Encoding = "utf-8"
    """Character encoding of the document, by a name that Python knows."""

    max_bytes: int = Field(default=256 << 20, ge=1024, le=1 << 31)
    """Largest document in bytes: it is read whole."""

    counts_lines: ClassVar[bool] = False

    @contextmanager
    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> Iterator[OpenTable]:
        """Read one file. Raises `DataError`."""
        with open_bytes(name, path, self.encoding) as stream:
            content = stream.read(self.max_bytes + 1)
        if len(content) > self.max_bytes:
            raise DataError(f"{name}: over {self.max_bytes} bytes (`max_bytes`); write JSON lines instead")
        rows = _descend(name, _decode(name, content), self.rows)
        yield OpenTable(None, _rows(rows, self.names))


def _decode(name: str, content: bytes) -> Any:
    try:
        return decode_strictly(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise DataError(f"{name}:{error.lineno}:{error.colno}: broken JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{name}:{line}: byte 0x{content[error.start]:02x} is not UTF-8") from error
    except ValueError as error:
        raise DataError(f"{name}: broken JSON: {error}") from error
    except RecursionError as error:
        raise DataError(f"{name}: broken JSON: nested too deeply") from error


def _descend(name: str, document: Any, keys: str) -> list[Any]:
    value = document
    for key in filter(None, keys.split(".")):
        if not isinstance(value, dict) or key not in value:
            hint = nearest(key, list(value)) if isinstance(value, dict) else f"here is {shown(value)}"
            raise DataError(f"{name}: no key {shown(key)} of `rows: {keys}`; {hint}")
        value = value[key]
    if not isinstance(value, list):
        raise DataError(f"{name}: `rows: {keys}` must lead to a list (it leads to {shown(value)})")
    return value


def _rows(rows: list[Any], names: tuple[str, ...] | None) -> Iterator[AnyRow]:
    for number, row in enumerate(rows, start=1):
        if names is None and isinstance(row, dict):
            yield Row(number, row)
        elif names is not None and isinstance(row, list) and len(row) == len(names):
            yield Row(number, dict(zip(names, row, strict=True)))
        else:
            wanted = "an object" if names is None else f"a list of {len(names)} values"
            yield BadRow(number, f"must be {wanted} (given {shown(row)})", given=row)
