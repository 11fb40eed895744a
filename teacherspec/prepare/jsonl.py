"""JSON lines: one object a line, read strictly."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from teacherspec.errors import DataError
from teacherspec.prepare.lines import TextLines
from teacherspec.prepare.rows import AnyRow, BadRow, BlankRow, OpenTable, Row
from teacherspec.tasks.fields import shown


class _RefusedError(Exception):
    """JSON that the standard parser would take, but not we."""


def open_jsonl(name: str, lines: TextLines) -> OpenTable:
    """Start reading; columns may differ from line to line, so none are declared.

    Raises:
        DataError: while iterating, when the file is a JSON array.
    """
    return OpenTable(None, _rows(name, lines))


def _rows(name: str, lines: TextLines) -> Iterator[AnyRow]:
    decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant).decode
    for line in lines:
        text = line.strip()
        if fault := lines.take_fault():
            what, number, byte = fault
            yield BadRow(number, what, byte, text)
        elif text:
            if lines.number == 1:
                _refuse_array(name, text)
            yield _row(decode, lines.number, text)
        else:
            yield BlankRow(lines.number)


def _row(decode: Callable[[str], Any], number: int, text: str) -> Row | BadRow:
    try:
        value = decode(text)
    except json.JSONDecodeError as error:
        return BadRow(number, f"broken JSON: {error.msg}", error.pos + 1, text)
    except RecursionError:
        return BadRow(number, "broken JSON: nested too deeply", None, text)
    except _RefusedError as error:
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
        raise _RefusedError(f"the key {shown(twice)} is given twice")
    return value


def _refuse_constant(constant: str) -> Any:
    raise _RefusedError(f"{constant} is not JSON")
