"""JSON lines: one object a line, read strictly."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, BadRow, BlankRow, OpenTable, Row, Table
from teacherspec.prepare.sources.decompress import open_bytes
from teacherspec.prepare.sources.file_tables import file_tables
from teacherspec.prepare.sources.text_lines import TextLines
from teacherspec.spec.prepare.sources import JsonlSource
from teacherspec.tasks.shared.columns.base import shown


class InvalidJsonError(ValueError):
    """JSON that Python's parser accepts although the standard does not, or that is ambiguous."""


def tables(source: JsonlSource, root: Path) -> list[Table]:
    """One table for each file. Raises `DataError`."""
    return file_tables(source, root, _open_file, counts_lines=True)


@contextmanager
def _open_file(source: JsonlSource, name: str, path: Path, _wanted: Collection[str]) -> Iterator[OpenTable]:
    with open_bytes(name, path, source.encoding) as stream:
        yield open_jsonl(name, TextLines(name, stream, source.max_line_bytes))


def open_jsonl(name: str, lines: TextLines) -> OpenTable:
    """Start reading; columns may differ from line to line, so none are declared.

    Raises:
        DataError: while iterating, when the file is a JSON array.
    """
    return OpenTable(None, _rows(name, lines))


def _rows(name: str, lines: TextLines) -> Iterator[AnyRow]:
    for line in lines:
        text = line.strip()
        if fault := lines.take_fault():
            what, number, byte = fault
            yield BadRow(number, what, byte, text)
        elif text:
            if lines.number == 1:
                _refuse_array(name, text)
            yield _row(lines.number, text)
        else:
            yield BlankRow(lines.number)


def _row(number: int, text: str) -> Row | BadRow:
    try:
        value = decode_strictly(text)
    except json.JSONDecodeError as error:
        return BadRow(number, f"broken JSON: {_explain(error)}", error.pos + 1, text)
    except RecursionError:
        return BadRow(number, "broken JSON: nested too deeply", None, text)
    except InvalidJsonError as error:
        return BadRow(number, f"broken JSON: {error}", None, text)
    except ValueError:  # Python's own limit on the digits of a whole number
        return BadRow(number, "broken JSON: a number of thousands of digits", None, text)
    if not isinstance(value, dict):
        return BadRow(number, f"must be a JSON object (given {shown(value)})", None, text)
    return Row(number, value)


def _explain(error: json.JSONDecodeError) -> str:
    if error.doc.startswith("\ufeff"):
        return "begins with a byte order mark, as where files were joined; remove it"
    if error.msg == "Extra data" and error.doc[error.pos] == "{":
        return "a second object begins here, as where files were joined; put it on a line of its own"
    return error.msg


def _refuse_array(name: str, first_line: str) -> None:
    if first_line == "[" or first_line.startswith(("[{", "[ {")):
        raise DataError(f"{name}: is one JSON array; write one object a line instead")
    if first_line == "{":
        raise DataError(f"{name}: is one JSON document over several lines; write one object a line instead")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object as a dict, refusing a key given twice: the parser would silently keep the last."""
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidJsonError(f"the key {shown(twice)} is given twice")
    return value


def _refuse_constant(constant: str) -> Any:
    raise InvalidJsonError(f"{constant} is not JSON")


decode_strictly = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant).decode
"""JSON text → value, strictly by the standard: no duplicate keys, no NaN, no infinities."""
