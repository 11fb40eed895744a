"""One JSON document that contains a list of rows."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, BadRow, OpenTable, Row, Table
from teacherspec.prepare.sources.decompress import open_bytes
from teacherspec.prepare.sources.file_tables import file_tables
from teacherspec.prepare.sources.jsonl import decode_strictly
from teacherspec.spec.prepare.sources import JsonDocumentSource
from teacherspec.tasks.shared.columns.base import nearest, shown


def tables(source: JsonDocumentSource, root: Path) -> list[Table]:
    """One table for each file. Raises `DataError`."""
    return file_tables(source, root, _open_file)


@contextmanager
def _open_file(
    source: JsonDocumentSource, name: str, path: Path, _wanted: Collection[str]
) -> Iterator[OpenTable]:
    with open_bytes(name, path, source.encoding) as stream:
        content = stream.read(source.max_bytes + 1)
    if len(content) > source.max_bytes:
        raise DataError(f"{name}: over {source.max_bytes} bytes (`max_bytes`); write JSON lines instead")
    rows = _descend(name, _decode(name, content), source.rows)
    yield OpenTable(None, _rows(rows, source.names))


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
