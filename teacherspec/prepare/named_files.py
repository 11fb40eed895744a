"""Files that the rows of a table name, such as images listed in a CSV file."""

from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import Field, field_validator

from teacherspec.prepare.paths import problem_of_file, problem_of_path
from teacherspec.prepare.rows import AnyRow, BadRow, OpenTable, Row
from teacherspec.section import Section
from teacherspec.tasks.fields import shown


class NamedFiles(Section):
    """A column that names files."""

    column: str
    """Column of the table that holds the names, relative to `folder`."""

    folder: str
    """Folder of the files, relative to the repository."""

    max_file_bytes: int = Field(default=64 << 20, ge=1024, le=1 << 30)
    """Largest file in bytes."""

    @field_validator("folder")
    @classmethod
    def _stays_inside(cls, folder: str) -> str:
        if problem := problem_of_path(folder):
            raise ValueError(problem)
        return folder.rstrip("/")

    def problem(self, root: Path, name: object) -> str | None:
        """Why the file of this name cannot be read, or None."""
        if not isinstance(name, str) or not name:
            return f"must be the name of a file (given {shown(name)})"
        if problem := problem_of_path(name):
            return f"{problem} (given {shown(name)})"
        path = root / self.folder / name
        if problem := problem_of_file(root, path):
            return f"{self.folder}/{name} {problem}"
        if path.stat().st_size > self.max_file_bytes:
            return f"{self.folder}/{name} is larger than {self.max_file_bytes} bytes (`max_file_bytes`)"
        return None


def with_files(
    opened: OpenTable, files: Mapping[str, NamedFiles], root: Path, unused: Collection[str]
) -> OpenTable:
    """The table with a new column for each of the files; the columns that only named them are left out.

    A column that is not there is left for the check of the columns to tell.
    """
    if not files:
        return opened
    columns = opened.columns
    if columns is not None:
        there = [new for new, named in files.items() if named.column in columns]
        columns = (*(name for name in columns if name not in unused), *there)
    return OpenTable(columns, (_filled(row, files, root, unused) for row in opened.rows))


def _filled(row: AnyRow, files: Mapping[str, NamedFiles], root: Path, unused: Collection[str]) -> AnyRow:
    if not isinstance(row, Row):
        return row
    values = {name: value for name, value in row.values.items() if name not in unused}
    for new, named in files.items():
        if named.column not in row.values:
            return BadRow(row.number, f"{named.column}: missing (it names the files of {shown(new)})")
        name = row.values[named.column]
        if problem := named.problem(root, name):
            return BadRow(row.number, f"{named.column}: {problem}", given=row.values)
        values[new] = (root / named.folder / str(name)).read_bytes()
    return Row(row.number, values)
