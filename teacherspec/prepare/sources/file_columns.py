"""Columns read from files that the rows of a table name, such as images listed in a CSV file."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from teacherspec.prepare.row_types import AnyRow, BadRow, OpenTable, Row
from teacherspec.prepare.sources.file_lookup import FileLocation, FileLookupError
from teacherspec.spec.prepare.source_base import COLUMN_IN_BRACES, NamedFiles
from teacherspec.tasks.shared.columns.base import shown


def with_file_columns(
    table: OpenTable,
    files: Mapping[str, NamedFiles],
    locations: Mapping[str, FileLocation],
    unused: Collection[str],
) -> OpenTable:
    """The table with a new column for each of the files, without the columns that only named them.

    A missing column is not reported here but by the validation of the columns.

    Args:
        table: the opened table.
        files: new column → how rows name its files.
        locations: new column → where its files are.
        unused: columns that nothing else needs.
    """
    if not files:
        return table
    columns = table.columns
    if columns is not None:
        new_columns = [new for new, named in files.items() if named.name_columns() <= set(columns)]
        columns = (*(name for name in columns if name not in unused), *new_columns)
    return OpenTable(columns, (_with_contents(row, files, locations, unused) for row in table.rows))


def _with_contents(
    row: AnyRow,
    files: Mapping[str, NamedFiles],
    locations: Mapping[str, FileLocation],
    unused: Collection[str],
) -> AnyRow:
    if not isinstance(row, Row):
        return row
    values = {name: value for name, value in row.values.items() if name not in unused}
    for new, named in files.items():
        if named.column is not None and row.values.get(named.column) is None:
            values[new] = None  # refused by its column, unless a transform leaves the row out
            continue
        if missing := sorted(named.name_columns() - row.values.keys()):
            return BadRow(row.number, f"{', '.join(missing)}: missing (it names the files of {shown(new)})")
        try:
            values[new] = _contents(named, locations[new], row.values)
        except FileLookupError as error:
            columns = ", ".join(sorted(named.name_columns()))
            return BadRow(row.number, f"{columns}: {error}", given=row.values)
    return Row(row.number, values)


def _contents(named: NamedFiles, location: FileLocation, values: Mapping[str, Any]) -> bytes | list[bytes]:
    """The bytes of the file that a row names, or of each of its files. Raises `FileLookupError`."""
    names = values[named.column] if named.column is not None else _built_name(str(named.name), values)
    if isinstance(names, list | tuple):
        return [location.read(name) for name in names]
    return location.read(names)


def _built_name(template: str, values: Mapping[str, Any]) -> str:
    def value_of(braces: re.Match[str]) -> str:
        value = values[braces[1]]
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise FileLookupError(f"must be a text or a whole number (given {shown(value)})")
        return str(value)

    return COLUMN_IN_BRACES.sub(value_of, template)
