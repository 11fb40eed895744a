"""CSV and its relatives: values stay text (`NA`, `01`), quoted newlines are part of the value."""

import csv
import json
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, BadRow, BlankRow, OpenTable, Row, Table
from teacherspec.prepare.sources.decompress import open_bytes
from teacherspec.prepare.sources.file_tables import file_tables
from teacherspec.prepare.sources.text_lines import TextLines
from teacherspec.spec.prepare.sources import CsvSource
from teacherspec.tasks.shared.columns.base import shown

_SEPARATORS = {",": "`,`", ";": "`;`", "\t": "a tab", "|": "`|`"}
_EXCEL = re.compile(r"sep=(.)")
"""A first line by which Excel names the separator of the following ones."""
MAX_COLUMNS = 10_000


def tables(source: CsvSource, root: Path) -> list[Table]:
    """One table for each file. Raises `DataError`."""
    return file_tables(source, root, _open_file, counts_lines=True)


@contextmanager
def _open_file(source: CsvSource, name: str, path: Path, wanted: Collection[str]) -> Iterator[OpenTable]:
    csv.field_size_limit(source.max_line_bytes)
    with open_bytes(name, path, source.encoding) as stream:
        lines = TextLines(name, stream, source.max_line_bytes)
        reader = csv.reader(
            lines,
            delimiter=source.delimiter,
            quotechar=source.quote if source.quoted else None,
            quoting=csv.QUOTE_MINIMAL if source.quoted else csv.QUOTE_NONE,
            escapechar=source.escape,
            doublequote=source.escape is None,
            strict=True,
        )
        header = list(source.names or _read_header(name, lines, reader, source.delimiter))
        _check_header(name, header, wanted, source.delimiter)
        yield OpenTable(tuple(header), _rows(lines, reader, header, source.delimiter))


def _read_header(name: str, lines: TextLines, reader: Iterator[list[str]], delimiter: str) -> list[str]:
    try:
        header = next((fields for fields in reader if fields), [])
        if declared := _EXCEL.fullmatch(delimiter.join(header)):
            if declared[1] != delimiter:
                raise DataError(
                    f"{name}:1: `{declared[0]}` names another separator than is declared: declare "
                    f"`delimiter: {json.dumps(declared[1])}`"
                )
            header = next((fields for fields in reader if fields), [])
    except csv.Error as error:
        if "new-line character" in str(error):
            raise DataError(
                f"{name}: its lines end with CR alone, as old spreadsheets write them; convert it "
                "(`tr '\\r' '\\n' < old.csv > new.csv`)"
            ) from error
        raise DataError(f"{name}:{lines.number}: the header cannot be read: {error}") from error
    if fault := lines.take_fault():
        raise DataError(f"{name}:{fault[1]}:{fault[2]}: {fault[0]}")
    return header


def _check_header(name: str, header: list[str], wanted: Collection[str], delimiter: str) -> None:
    if not header:
        raise DataError(f"{name}: no rows")
    if len(header) > MAX_COLUMNS:
        raise DataError(f"{name}:1: {len(header)} columns (allowed: {MAX_COLUMNS})")
    twice = sorted({column for column in header if column in wanted and header.count(column) > 1})
    if twice:
        raise DataError(f"{name}:1: the header names {', '.join(map(shown, twice))} twice; rename one")
    if len(header) == 1:
        for separator, words in _SEPARATORS.items():
            if separator != delimiter and separator in header[0]:
                raise DataError(
                    f"{name}:1: only one column, {shown(header[0])}; the separator seems to be {words}: "
                    f"declare `delimiter: {json.dumps(separator)}`"
                )


def _rows(
    lines: TextLines, reader: Iterator[list[str]], header: list[str], delimiter: str
) -> Iterator[AnyRow]:
    width = len(header)
    while True:
        first_line = lines.number + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.take_fault()
            yield BadRow(first_line, _explain(str(error), lines.number - first_line))
            continue
        if fault := lines.take_fault():
            what, number, byte = fault
            yield BadRow(number, what, byte, fields)
        elif what := _not_one_row(fields, header, delimiter):
            yield BadRow(first_line, what, given=fields)
        elif len(fields) == width:
            yield Row(first_line, dict(zip(header, fields, strict=True)))
        elif not fields:
            yield BlankRow(first_line)
        else:
            yield BadRow(
                first_line,
                f"{width} columns are named, this row has {len(fields)}; quote or complete it",
                given=fields,
            )


def _not_one_row(fields: list[str], header: list[str], delimiter: str) -> str:
    """Why fields that were read without an error are not one row of the file; empty where they are."""
    if [field.removeprefix("\ufeff") for field in fields] == header:
        return (
            "holds the names of the columns, as where files were joined; remove the line (or `names` of the "
            "source, if it is the header of the file)"
        )
    if fields and fields[0].startswith("\ufeff"):
        return "begins with a byte order mark, as where files were joined; remove it"
    if delimiter == "\t" and any("\t" in field and "\n" in field for field in fields):
        # Rows of TSV files often begin with a quote that quotes nothing: up to the next one all is one value.
        return (
            "a quoted value holds tabs and line breaks, so it may be several rows; declare `quoted: false` "
            "if quotes are plain characters in this file, otherwise take the tabs out of the value"
        )
    return ""


def _explain(error: str, further_lines: int) -> str:
    if "unexpected end of data" in error:
        return f"a quote opened here is never closed ({further_lines} further lines read); close it"
    if "field larger than" in error:
        return f"a field is too long ({error}); is a quote opened here and never closed?"
    return f'broken quoting: {error}; write a quote inside a quoted field as `""`'
