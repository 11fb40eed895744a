"""Archives of image files, one folder a class."""

import unicodedata
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, BadRow, OpenTable, Row, Table
from teacherspec.prepare.sources.archives import Member, read_archive
from teacherspec.prepare.sources.base import SourceBase
from teacherspec.prepare.sources.path_checks import problem_of_path, resolve


class ImageArchiveSource(SourceBase):
    """Images in a tar (plain, `.gz`, `.zst`) or zip: `<folder>/<label>/<file>`.

    Columns: `image`, `label`, `file`.
    """

    kind: Literal["image_archive"]
    """The format."""

    path: str
    """Archive relative to the repository; `*`, `?` and `[…]` match several, read in order of name."""

    folder: str = Field(default="", pattern=r"^([^/\\.][^/\\]*(/[^/\\.][^/\\]*)*)?$")
    """Folder of the archive that holds the folders of the classes; what lies elsewhere is not read."""

    max_file_bytes: int = Field(default=64 << 20, ge=1024, le=1 << 30)
    """Largest file in bytes when unpacked."""

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if problem := problem_of_path(path):
            raise ValueError(problem)
        return path

    def local_paths(self) -> tuple[str, ...]:
        """The archive or wildcard."""
        return (self.path,)

    def tables(self, root: Path) -> list[Table]:
        """One table an archive. Raises `DataError`."""
        tables = []
        for path in resolve(root, self.path):
            name, names = str(path.relative_to(root)), list[str]()
            opened = partial(self._open, name, path, names)
            tables.append(Table(name, counts_lines=False, open=opened, names=names))
        return tables

    @contextmanager
    def _open(self, name: str, path: Path, names: list[str], wanted: Collection[str]) -> Iterator[OpenTable]:
        columns = ("image", "label", *(["file"] if "file" in wanted else []))
        yield OpenTable(columns, self._rows(name, path, names, columns))

    def _rows(self, name: str, path: Path, names: list[str], columns: tuple[str, ...]) -> Iterator[AnyRow]:
        names.clear()
        seen, elsewhere = set[str](), set[str]()
        prefix = f"{self.folder}/" if self.folder else ""
        for member in read_archive(name, path, self.max_file_bytes):
            if not member.name.startswith(prefix):
                elsewhere.add(member.name.partition("/")[0])
                continue
            names.append(member.name)
            twice = member.name in seen
            seen.add(member.name)
            yield self._row(len(names), member, prefix, columns, twice)
        if not seen:
            found = ", ".join(sorted(elsewhere)[:10]) or "none"
            raise DataError(f"{name}: no files in the folder `{self.folder}` of the archive (found: {found})")

    def _row(self, number: int, member: Member, prefix: str, columns: tuple[str, ...], twice: bool) -> AnyRow:
        label, slash, file = member.name.removeprefix(prefix).partition("/")
        if not slash or "/" in file or label.startswith((".", "__MACOSX")) or file.startswith("."):
            return BadRow(number, f"is not `{prefix}<label>/<file>`; take it out of the archive")
        if twice:
            return BadRow(number, "is in the archive twice; keep one")
        if member.problem:
            return BadRow(number, member.problem)
        values = (member.content, unicodedata.normalize("NFC", label), file)
        return Row(number, dict(zip(columns, values, strict=False)))
