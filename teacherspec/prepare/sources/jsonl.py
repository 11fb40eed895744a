"""JSON lines: one object a line, read strictly."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, BadRow, BlankRow, OpenTable, Row
from teacherspec.prepare.sources.base import TextFileSource
from teacherspec.prepare.sources.decompress import open_bytes
from teacherspec.prepare.sources.text_lines import TextLines
from teacherspec.tasks.columns.base import shown


class JsonlSource(TextFileSource):
    """JSON lines: one object a line."""

    kind: Literal["jsonl"]
    """The format."""

    @contextmanager
    def open_file(self, name: str, path: Path, wanted: Collection[str]) -> Iterator[OpenTable]:
        """Read one file. Raises `DataError`."""
        with open_bytes(name, path, self.encoding) as stream:
            yield open_jsonl(name, TextLines(name, stream, self.max_line_bytes))


class RefusedError(ValueError):
    """JSON that the standard parser would take, but not we."""


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
        return BadRow(number, f"broken JSON: {error.msg}", error.pos + 1, text)
    except RecursionError:
        return BadRow(number, "broken JSON: nested too deeply", None, text)
    except RefusedError as error:
        return BadRow(number, f"broken JSON: {error}", None, text)
    except ValueError:  # Python's own limit on the digits of a whole number
        return BadRow(number, "broken JSON: a number of thousands of digits", None, text)
    if not isinstance(value, dict):
        return BadRow(number, f"must be a JSON object (given {shown(value)})", None, text)
    return Row(number, value)


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
        raise RefusedError(f"the key {shown(twice)} is given twice")
    return value


def _refuse_constant(constant: str) -> Any:
    raise RefusedError(f"{constant} is not JSON")


decode_strictly = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant).decode
"""JSON text → value, as the standard says: no key twice, no NaN, no infinities."""
