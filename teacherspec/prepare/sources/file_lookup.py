"""Reads files by name from a folder or an archive."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple, Protocol

from teacherspec.errors import DataError
from teacherspec.prepare.sources.archives import read_archive
from teacherspec.prepare.sources.path_checks import problem_of_file, resolve
from teacherspec.spec.prepare.path_rules import problem_of_path
from teacherspec.spec.prepare.source_base import NamedFiles
from teacherspec.tasks.shared.columns.base import shown

SCRATCH = Path(".scratch/archives")


class FileLookupError(ValueError):
    """No file of this name can be read; the text says why."""


class FileLocation(Protocol):
    """Files by name."""

    def read(self, name: object) -> bytes:
        """The bytes of a file. Raises `FileLookupError`."""


def open_location(files: NamedFiles, root: Path) -> AbstractContextManager[FileLocation]:
    """The folder or archive that a section declares, in the repository `root`."""
    if files.archive is not None:
        return _open_archive(root, files.archive, files.anywhere, files.max_file_bytes)
    return nullcontext(Folder(root, str(files.folder), files.anywhere, files.max_file_bytes))


class Folder:
    """Files below a folder of the repository."""

    def __init__(self, root: Path, folder: str, anywhere: bool, max_file_bytes: int) -> None:
        """See `NamedFiles` for the arguments."""
        self._root = root
        self._folder = folder
        self._anywhere = anywhere
        self._max_file_bytes = max_file_bytes

    def read(self, name: object) -> bytes:
        """The bytes of a file. Raises `FileLookupError`."""
        valid = _validated(name)
        path = self._find(valid) if self._anywhere else self._root / self._folder / valid
        relative = path.relative_to(self._root)
        if problem := problem_of_file(self._root, path):
            raise FileLookupError(f"{relative} {problem}")
        if path.stat().st_size > self._max_file_bytes:
            raise FileLookupError(
                f"{relative} is larger than {self._max_file_bytes} bytes (`max_file_bytes`)"
            )
        return path.read_bytes()

    def _find(self, name: str) -> Path:
        paths = self._paths_by_name.get(name, ())
        if len(paths) == 1:
            return paths[0]
        relative = [str(path.relative_to(self._root)) for path in paths]
        raise FileLookupError(_not_unique(name, self._folder, relative))

    @cached_property
    def _paths_by_name(self) -> dict[str, list[Path]]:
        paths: dict[str, list[Path]] = {}
        for folder, _, names in os.walk(self._root / self._folder):
            for name in names:
                paths.setdefault(name, []).append(Path(folder) / name)
        return {name: sorted(same_name) for name, same_name in paths.items()}


class _StoredMember(NamedTuple):
    """A file of an archive in the temporary file, or what is wrong with it."""

    offset: int
    size: int
    problem: str | None


class Archive:
    """Files of a tar or zip archive, which is read once from start to end: compressed streams cannot seek."""

    def __init__(
        self, root: Path, path: str, anywhere: bool, max_file_bytes: int, contents: BinaryIO
    ) -> None:
        """Nothing is read yet; `contents` is a temporary file for the contents of the members."""
        self._root = root
        self._name = path
        self._anywhere = anywhere
        self._max_file_bytes = max_file_bytes
        self._contents = contents

    def read(self, name: object) -> bytes:
        """The bytes of a file. Raises `FileLookupError`, and `DataError` where the archive cannot be read."""
        valid = _validated(name)
        members = self._members.get(valid, [])
        if len(members) != 1:
            raise FileLookupError(_not_unique(valid, self._name, [full_name for full_name, _ in members]))
        ((full_name, member),) = members
        if member.problem:
            raise FileLookupError(f"{self._name}/{full_name} {member.problem}")
        self._contents.seek(member.offset)
        return self._contents.read(member.size)

    @cached_property
    def _members(self) -> Mapping[str, list[tuple[str, _StoredMember]]]:
        (path,) = resolve(self._root, self._name)
        members: dict[str, list[tuple[str, _StoredMember]]] = {}
        offset = 0
        for member in read_archive(self._name, path, self._max_file_bytes):
            self._contents.write(member.content)
            key = PurePosixPath(member.name).name if self._anywhere else member.name
            stored = _StoredMember(offset, len(member.content), member.problem)
            members.setdefault(key, []).append((member.name, stored))
            offset += len(member.content)
        if not members:
            raise DataError(f"{self._name}: an archive without files")
        return members


@contextmanager
def _open_archive(root: Path, path: str, anywhere: bool, max_file_bytes: int) -> Iterator[FileLocation]:
    folder = root / SCRATCH
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder) as contents:
        yield Archive(root, path, anywhere, max_file_bytes, contents)


def _validated(name: object) -> str:
    """A name that stays inside its location. Raises `FileLookupError`."""
    if not isinstance(name, str) or not name:
        raise FileLookupError(f"must be the name of a file (given {shown(name)})")
    if problem := problem_of_path(name):
        raise FileLookupError(f"{problem} (given {shown(name)})")
    return name


def _not_unique(name: str, where: str, paths: list[str]) -> str:
    if not paths:
        return f"{where} has no file {shown(name)}"
    return f"{where} has {len(paths)} files {shown(name)} ({', '.join(paths[:3])}); name one of them"
