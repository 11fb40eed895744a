"""Files that the rows of a table name, such as images listed in a CSV file."""

import re
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from teacherspec.prepare.row_types import AnyRow, BadRow, OpenTable, Row
from teacherspec.prepare.sources.file_lookup import Folder, NoFileError, Place, open_archive
from teacherspec.prepare.sources.path_checks import problem_of_path
from teacherspec.spec.section import Section
from teacherspec.tasks.columns.base import shown

_SLOT = re.compile(r"\{([^{}]+)\}")


class NamedFiles(Section):
    """A column that names files, or what their names are made of, and where they lie."""

    column: str | None = None
    """Column of the table that holds the name of a file, or a list of names; relative to `folder` or as the
    archive has it."""

    name: str | None = Field(default=None, min_length=1, max_length=1000)
    """In place of `column`: the name, made of the values of columns, such as `images/{scene}-0.png`."""

    folder: str | None = None
    """Folder of the files, relative to the repository."""

    archive: str | None = None
    """In place of `folder`: the tar (plain, `.gz`, `.zst`) or zip that holds the files, relative to the
    repository."""

    anywhere: bool = False
    """Know files by their own name alone, in whatever folder below they lie; it must be the only one."""

    max_file_bytes: int = Field(default=64 << 20, ge=1024, le=1 << 30)
    """Largest file in bytes."""

    @field_validator("folder", "archive")
    @classmethod
    def _stays_inside(cls, path: str | None) -> str | None:
        if path is None:
            return None
        if problem := problem_of_path(path):
            raise ValueError(problem)
        return path.rstrip("/")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.column is None) == (self.name is None):
            raise ValueError("declare either `column`, which holds the names, or `name`, made of columns")
        if (self.folder is None) == (self.archive is None):
            raise ValueError("declare either `folder` or `archive`: where the files lie")
        if self.name is not None and not _SLOT.search(self.name):
            raise ValueError("`name` names no column in braces: every row would have the same file")
        return self

    def local_path(self) -> str:
        """What is read in the repository."""
        return f"{self.folder}/" if self.archive is None else self.archive

    def columns(self) -> frozenset[str]:
        """Columns of the table that the names come from."""
        return frozenset(_SLOT.findall(self.name)) if self.name is not None else frozenset({str(self.column)})

    def place(self, root: Path) -> AbstractContextManager[Place]:
        """Where the files lie, in the repository `root`."""
        if self.archive is not None:
            return open_archive(root, self.archive, self.anywhere, self.max_file_bytes)
        return nullcontext(Folder(root, str(self.folder), self.anywhere, self.max_file_bytes))

    def contents(self, place: Place, values: Mapping[str, Any]) -> bytes | list[bytes]:
        """The bytes of the file that a row names, or of each of its files. Raises `NoFileError`."""
        named = values[self.column] if self.column is not None else self._made(values)
        if isinstance(named, list | tuple):
            return [place.read(name) for name in named]
        return place.read(named)

    def _made(self, values: Mapping[str, Any]) -> str:
        def filled(slot: re.Match[str]) -> str:
            value = values[slot[1]]
            if isinstance(value, bool) or not isinstance(value, str | int):
                raise NoFileError(f"must be a text or a whole number (given {shown(value)})")
            return str(value)

        return _SLOT.sub(filled, str(self.name))


def with_files(
    opened: OpenTable,
    files: Mapping[str, NamedFiles],
    places: Mapping[str, Place],
    unused: Collection[str],
) -> OpenTable:
    """The table with a new column for each of the files; the columns that only named them are left out.

    A column that is not there is left for the check of the columns to tell.

    Args:
        opened: the table.
        files: new column → how it names files.
        places: new column → where they lie.
        unused: columns that nothing else needs.
    """
    if not files:
        return opened
    columns = opened.columns
    if columns is not None:
        there = [new for new, named in files.items() if named.columns() <= set(columns)]
        columns = (*(name for name in columns if name not in unused), *there)
    return OpenTable(columns, (_filled(row, files, places, unused) for row in opened.rows))


def _filled(
    row: AnyRow, files: Mapping[str, NamedFiles], places: Mapping[str, Place], unused: Collection[str]
) -> AnyRow:
    if not isinstance(row, Row):
        return row
    values = {name: value for name, value in row.values.items() if name not in unused}
    for new, named in files.items():
        told = ", ".join(sorted(named.columns()))
        if missing := sorted(named.columns() - row.values.keys()):
            return BadRow(row.number, f"{', '.join(missing)}: missing (it names the files of {shown(new)})")
        try:
            values[new] = named.contents(places[new], row.values)
        except NoFileError as error:
            return BadRow(row.number, f"{told}: {error}", given=row.values)
    return Row(row.number, values)
