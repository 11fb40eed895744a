"""Archives of image files, one folder a class."""

import unicodedata
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, BadRow, OpenTable, Row, Table
from teacherspec.prepare.sources.archives import Member, read_archive
from teacherspec.prepare.sources.path_checks import is_no_data, resolve
from teacherspec.spec.prepare.sources import ImageArchiveSource
from teacherspec.spec.prepare.split_names import WITHOUT_LABEL


def tables(source: ImageArchiveSource, root: Path) -> list[Table]:
    """One table an archive. Raises `DataError`."""
    tables = []
    for path in resolve(root, source.path):
        name, names = str(path.relative_to(root)), list[str]()
        opened = partial(_open, source, name, path, names)
        tables.append(Table(name, counts_lines=False, open=opened, names=names))
    return tables


@contextmanager
def _open(
    source: ImageArchiveSource, name: str, path: Path, names: list[str], wanted: Collection[str]
) -> Iterator[OpenTable]:
    columns = ("image", "label", *(["file"] if "file" in wanted else []))
    yield OpenTable(columns, _rows(source, name, path, names, columns))


def _rows(
    source: ImageArchiveSource, name: str, path: Path, names: list[str], columns: tuple[str, ...]
) -> Iterator[AnyRow]:
    names.clear()
    read, other_folders = set[str](), set[str]()
    prefix = f"{source.folder}/" if source.folder else ""
    for member in read_archive(name, path, source.max_file_bytes):
        if any(map(is_no_data, member.name.split("/"))):
            continue
        if not member.name.startswith(prefix):
            other_folders.add(member.name.partition("/")[0])
            continue
        names.append(member.name)
        repeated = member.name in read
        read.add(member.name)
        yield _row(len(names), member, prefix, columns, repeated, flat=source.role in WITHOUT_LABEL)
    if not read:
        there = ", ".join(sorted(other_folders)[:10]) or "none"
        raise DataError(f"{name}: no files in the folder `{source.folder}` of the archive (found: {there})")


def _row(
    number: int, member: Member, prefix: str, columns: tuple[str, ...], repeated: bool, *, flat: bool
) -> AnyRow:
    label, slash, file = member.name.removeprefix(prefix).partition("/")
    if flat and not slash:  # a row that needs no label needs no folder of a class
        label, slash, file = "", "/", label
    if not slash or "/" in file or label.startswith((".", "__MACOSX")) or file.startswith("."):
        return BadRow(number, f"is not `{prefix}<label>/<file>`; remove it from the archive")
    if repeated:
        return BadRow(number, "is in the archive twice; keep one")
    if member.problem:
        return BadRow(number, member.problem)
    values = (member.content, unicodedata.normalize("NFC", label), file)
    return Row(number, dict(zip(columns, values, strict=False)))
