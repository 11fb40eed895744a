"""Folders of text or image files, one folder a class."""

import unicodedata
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import AnyRow, BadRow, OpenTable, Row, Table
from teacherspec.prepare.sources.path_checks import is_no_data, problem_of_file, tracks_missing
from teacherspec.runtime.project_root import is_inside
from teacherspec.spec.prepare.sources import ClassFolderSource, ImageFolderSource, TextFolderSource
from teacherspec.spec.prepare.split_names import WITHOUT_LABEL
from teacherspec.tasks.shared.columns.base import ColumnError


class FileContent(NamedTuple):
    """How the content of a file becomes a value.

    Attributes:
        column: the column that contains it.
        decode: the bytes of a file → the value. Raises `ColumnError`.
    """

    column: str
    decode: Callable[[bytes], Any]


def text_tables(source: TextFolderSource, root: Path) -> list[Table]:
    """One table a class, in the order of their names. Raises `DataError`."""

    def decode(content: bytes) -> str:
        try:
            return content.decode(source.encoding).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise ColumnError(f"is not {source.encoding.upper()} at byte {error.start + 1}") from error

    return _tables(source, root, FileContent("text", decode))


def image_tables(source: ImageFolderSource, root: Path) -> list[Table]:
    """One table a class, in the order of their names. Raises `DataError`."""
    return _tables(source, root, FileContent("image", bytes))


def _tables(source: ClassFolderSource, root: Path, content: FileContent) -> list[Table]:
    tables = []
    flat = source.role in WITHOUT_LABEL and _is_flat(root, root / source.path)
    for folder in [root / source.path] if flat else _class_folders(root, root / source.path):
        names: list[str] = []
        opened = partial(_open, source, content, root, folder, names)
        tables.append(Table(str(folder.relative_to(root)), counts_lines=False, open=opened, names=names))
    return tables


@contextmanager
def _open(
    source: ClassFolderSource,
    content: FileContent,
    root: Path,
    folder: Path,
    names: list[str],
    wanted: Collection[str],
) -> Iterator[OpenTable]:
    files = sorted(path for path in folder.iterdir() if not is_no_data(path.name))
    if not files:
        raise DataError(f"{folder.relative_to(root)}: an empty class; remove the folder")
    names[:] = [path.name for path in files]
    columns = (content.column, "label", *(["file"] if "file" in wanted else []))
    rows = (
        _row(number, path, root, source.max_file_bytes, content, columns)
        for number, path in enumerate(files, start=1)
    )
    yield OpenTable(columns, rows)


def _row(
    number: int, path: Path, root: Path, max_file_bytes: int, content: FileContent, columns: tuple[str, ...]
) -> AnyRow:
    if problem := problem_of_file(root, path):
        return BadRow(number, problem)
    with path.open("rb") as file:
        given = file.read(max_file_bytes + 1)
    if len(given) > max_file_bytes:
        return BadRow(number, f"is larger than {max_file_bytes} bytes (`max_file_bytes`)")
    try:
        value = content.decode(given)
    except ColumnError as error:
        return BadRow(number, str(error))
    label = unicodedata.normalize("NFC", path.parent.name)
    return Row(number, dict(zip(columns, (value, label, path.name), strict=False)))


def _is_flat(root: Path, folder: Path) -> bool:
    """Whether the files of rows without labels lie in the folder itself, which is one of the repository."""
    inside = folder.is_dir() and is_inside(folder, root)
    return inside and not any(entry.is_dir() for entry in folder.iterdir() if not is_no_data(entry.name))


def _class_folders(root: Path, folder: Path) -> list[Path]:
    """The folders of the classes. Other entries are refused: they would be data or a mistake."""
    name = folder.relative_to(root)
    if not folder.is_dir():
        raise DataError(f"{name}: is not a folder")
    if not is_inside(folder, root):
        raise DataError(
            f"{name}: is outside the repository, itself or by a link; put the folder itself there"
        )
    pointers = [path for path in sorted(folder.iterdir()) if tracks_missing(path)]
    entries = sorted(path for path in folder.iterdir() if not is_no_data(path.name))
    problems = [
        f"{path.relative_to(root).with_suffix('')}: not found, but DVC tracks it; run `dvc pull`"
        for path in pointers
    ]
    problems += [
        f"{entry.relative_to(root)}: is not a folder of a class; remove it"
        for entry in entries
        if not entry.is_dir() or entry.is_symlink() or entry.name.startswith(".")
    ]
    by_folded_name: dict[str, Path] = {}
    for entry in entries:
        other = by_folded_name.setdefault(unicodedata.normalize("NFC", entry.name).casefold(), entry)
        if other != entry:
            problems.append(
                f"{entry.relative_to(root)}: differs from {other.name!r} in case or Unicode form only"
            )
    if problems:
        raise DataError(problems)
    if not entries:
        raise DataError(f"{name}: is empty: no classes")
    return entries
