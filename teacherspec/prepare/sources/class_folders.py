"""Folders of files, one folder a class."""

import unicodedata
from abc import abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, BadRow, OpenTable, Row, Table
from teacherspec.prepare.sources.base import SourceBase
from teacherspec.prepare.sources.path_checks import problem_of_file, problem_of_path
from teacherspec.tasks.columns.base import ColumnError


class ClassFolderSource(SourceBase):
    """`path/<label>/<file>`: the folder of a file is its label. The name of the file is the column `file`."""

    content: ClassVar[str]
    """Column that holds what a file contains."""

    path: str
    """Folder relative to the repository."""

    max_file_bytes: int = Field(default=64 << 20, ge=1024, le=1 << 30)
    """Largest file in bytes."""

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if problem := problem_of_path(path):
            raise ValueError(problem)
        return path

    def local_paths(self) -> tuple[str, ...]:
        """The folder, as a prefix of all its files."""
        return (f"{self.path}/",)

    @abstractmethod
    def value(self, content: bytes) -> Any:
        """The value of the content column. Raises `ColumnError`."""

    def tables(self, root: Path) -> list[Table]:
        """One table a class, in the order of their names. Raises `DataError`."""
        tables = []
        for folder in _class_folders(root, root / self.path):
            names: list[str] = []
            opened = partial(self._open, root, folder, names)
            tables.append(Table(str(folder.relative_to(root)), counts_lines=False, open=opened, names=names))
        return tables

    @contextmanager
    def _open(
        self, root: Path, folder: Path, names: list[str], wanted: Collection[str]
    ) -> Iterator[OpenTable]:
        files = sorted(folder.iterdir())
        if not files:
            raise DataError(f"{folder.relative_to(root)}: an empty class; take the folder out")
        names[:] = [path.name for path in files]
        columns = (self.content, "label", *(["file"] if "file" in wanted else []))
        yield OpenTable(columns, self._rows(root, files, columns))

    def _rows(self, root: Path, files: list[Path], columns: tuple[str, ...]) -> Iterator[AnyRow]:
        for number, path in enumerate(files, start=1):
            if problem := problem_of_file(root, path):
                yield BadRow(number, problem)
                continue
            with path.open("rb") as file:
                content = file.read(self.max_file_bytes + 1)
            if len(content) > self.max_file_bytes:
                yield BadRow(number, f"is larger than {self.max_file_bytes} bytes (`max_file_bytes`)")
                continue
            try:
                value = self.value(content)
            except ColumnError as error:
                yield BadRow(number, str(error))
                continue
            label = unicodedata.normalize("NFC", path.parent.name)
            yield Row(number, dict(zip(columns, (value, label, path.name), strict=False)))


def _class_folders(root: Path, folder: Path) -> list[Path]:
    """The folders of the classes. Anything else beside them is refused: it would be data or a mistake."""
    name = folder.relative_to(root)
    if not folder.is_dir():
        raise DataError(f"{name}: is not a folder")
    if not folder.resolve().is_relative_to(root.resolve()):
        raise DataError(f"{name}: is a link out of the repository; put the folder itself there")
    entries = sorted(folder.iterdir())
    problems = [
        f"{entry.relative_to(root)}: is not a folder of a class; take it out"
        for entry in entries
        if not entry.is_dir() or entry.is_symlink() or entry.name.startswith(".")
    ]
    folded: dict[str, Path] = {}
    for entry in entries:
        other = folded.setdefault(unicodedata.normalize("NFC", entry.name).casefold(), entry)
        if other != entry:
            problems.append(
                f"{entry.relative_to(root)}: differs from {other.name!r} in case or Unicode form only"
            )
    if problems:
        raise DataError(problems)
    if not entries:
        raise DataError(f"{name}: is empty: no classes")
    return entries
