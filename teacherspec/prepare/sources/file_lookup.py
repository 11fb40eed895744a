"""Where files lie that rows name: a folder, or an archive, looked into by name."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple, Protocol

from teacherspec.errors import DataError
from teacherspec.prepare.sources.archives import read_archive
from teacherspec.prepare.sources.path_checks import problem_of_file, problem_of_path, resolve
from teacherspec.tasks.columns.base import shown

SCRATCH = Path(".scratch/archives")


class NoFileError(ValueError):
    """No file of this name can be had; the text says why."""


class Place(Protocol):
    """Files by name."""

    def read(self, name: object) -> bytes:
        """The bytes of a file. Raises `NoFileError`."""


class Folder:
    """Files below a folder of the repository."""

    def __init__(self, root: Path, folder: str, anywhere: bool, max_file_bytes: int) -> None:
        """See `NamedFiles` for what the arguments mean."""
        self._root = root
        self._folder = folder
        self._anywhere = anywhere
        self._most = max_file_bytes

    def read(self, name: object) -> bytes:
        """The bytes of a file. Raises `NoFileError`."""
        plain = plain_name(name)
        path = self._path(plain) if self._anywhere else self._root / self._folder / plain
        told = path.relative_to(self._root)
        if problem := problem_of_file(self._root, path):
            raise NoFileError(f"{told} {problem}")
        if path.stat().st_size > self._most:
            raise NoFileError(f"{told} is larger than {self._most} bytes (`max_file_bytes`)")
        return path.read_bytes()

    def _path(self, name: str) -> Path:
        paths = self._by_own_name.get(name, ())
        if len(paths) == 1:
            return paths[0]
        raise NoFileError(_not_one(name, self._folder, [str(path.relative_to(self._root)) for path in paths]))

    @cached_property
    def _by_own_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for folder, _, names in os.walk(self._root / self._folder):
            for name in names:
                found.setdefault(name, []).append(Path(folder) / name)
        return {name: sorted(paths) for name, paths in found.items()}


class _Kept(NamedTuple):
    """A file of an archive, or what is wrong with it."""

    at: int
    size: int
    problem: str | None


class Archive:
    """Files of a tar or zip archive, which is read through once: packed streams cannot be looked into."""

    def __init__(self, root: Path, path: str, anywhere: bool, max_file_bytes: int, into: BinaryIO) -> None:
        """Nothing is read yet; `into` is a file without a name that takes the contents."""
        self._root = root
        self._name = path
        self._anywhere = anywhere
        self._most = max_file_bytes
        self._into = into

    def read(self, name: object) -> bytes:
        """The bytes of a file. Raises `NoFileError`, and `DataError` where the archive cannot be read."""
        plain = plain_name(name)
        found = self._members.get(plain, [])
        if len(found) != 1:
            raise NoFileError(_not_one(plain, self._name, [full for full, _ in found]))
        ((full, kept),) = found
        if kept.problem:
            raise NoFileError(f"{self._name}/{full} {kept.problem}")
        self._into.seek(kept.at)
        return self._into.read(kept.size)

    @cached_property
    def _members(self) -> Mapping[str, list[tuple[str, _Kept]]]:
        (path,) = resolve(self._root, self._name)
        found: dict[str, list[tuple[str, _Kept]]] = {}
        at = 0
        for member in read_archive(self._name, path, self._most):
            self._into.write(member.content)
            key = PurePosixPath(member.name).name if self._anywhere else member.name
            kept = _Kept(at, len(member.content), member.problem)
            found.setdefault(key, []).append((member.name, kept))
            at += len(member.content)
        if not found:
            raise DataError(f"{self._name}: an archive without files")
        return found


@contextmanager
def open_archive(root: Path, path: str, anywhere: bool, max_file_bytes: int) -> Iterator[Place]:
    """The files of an archive, for as long as they are asked for."""
    folder = root / SCRATCH
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder) as into:
        yield Archive(root, path, anywhere, max_file_bytes, into)


def plain_name(name: object) -> str:
    """A name that stays below its place. Raises `NoFileError`."""
    if not isinstance(name, str) or not name:
        raise NoFileError(f"must be the name of a file (given {shown(name)})")
    if problem := problem_of_path(name):
        raise NoFileError(f"{problem} (given {shown(name)})")
    return name


def _not_one(name: str, where: str, found: list[str]) -> str:
    if not found:
        return f"{where} has no file {shown(name)}"
    return f"{where} has {len(found)} files {shown(name)} ({', '.join(found[:3])}); name one of them"
