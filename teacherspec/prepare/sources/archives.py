"""Tar and zip archives as streams of files, bounded in size and never unpacked to disk."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from teacherspec.errors import DataError
from teacherspec.prepare.sources.decompress import FREE_BYTES, open_bytes
from teacherspec.tasks.shared.columns.base import shown

_ZIP_MAGIC = b"PK"
_BLOCK = 512
_MAX_RATIO = 100
"""How many times its size an archive may unpack to: images are compressed already."""
_MAX_HEADER_BYTES = 1 << 20
_HEADERS = (*(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE), *(tarfile.GNUTYPE_LONGNAME, b"K"))
"""Entries of a tar that only describe the next one, such as its long name, and their largest size."""

_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(ValueError, OverflowError, IndexError, RuntimeError, NotImplementedError, MemoryError),
)
"""What reading damaged archives raises; `RuntimeError` includes headers nested too deeply."""


class Member(NamedTuple):
    """One file of an archive: its path there and its bytes, or what is wrong with it."""

    name: str
    content: bytes
    problem: str | None


def read_archive(name: str, path: Path, max_file_bytes: int) -> Iterator[Member]:
    """The files of a tar (plain, `.gz`, `.zst`) or zip archive, one after the other.

    Args:
        name: for messages.
        path: the archive.
        max_file_bytes: a larger file is reported, not read.

    Raises:
        DataError: while reading: damaged, truncated, over 100 times larger when unpacked, or naming a file
            outside.
    """
    with path.open("rb") as file:
        is_zip = file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC
    read = _zip_members if is_zip else _tar_members
    for member in read(name, path, max_file_bytes):
        parts = member.name.split("/")
        if member.name.startswith("/") or ".." in parts or "\\" in member.name or ":" in parts[0]:
            given = shown(member.name)
            raise DataError(f"{name}: contains {given}, which leads out of the archive; do not trust it")
        yield member


def _tar_members(name: str, path: Path, max_file_bytes: int) -> Iterator[Member]:
    most_bytes = max(FREE_BYTES, _MAX_RATIO * path.stat().st_size)
    with open_bytes(name, path, "utf-8", _MAX_RATIO) as stream:
        if path.suffix == ".tar":
            _check_tar_end(name, path)
        try:
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictTarInfo) as archive:
                read: Any = archive
                for entry in archive:
                    read.members.clear()  # otherwise memory grows with the number of files
                    if entry.size < 0:
                        raise tarfile.ReadError(f"{shown(entry.name)} claims to have {entry.size} bytes")
                    if entry.size > most_bytes:  # tarfile would look for its end for hours
                        raise _unpacks_to_too_much(name, f" ({shown(entry.name)} claims {entry.size} bytes)")
                    if not entry.isdir():
                        yield _tar_member(archive, entry, max_file_bytes)
        except _DAMAGED as error:
            raise DataError(f"{name}: is not a tar or zip archive, or is truncated: {error}") from error


class _StrictTarInfo(tarfile.TarInfo):
    """Refuses headers that `tarfile` reads at any length, or takes for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        entry = super().frombuf(buf, encoding, errors)
        if entry.type in _HEADERS and entry.size > _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {entry.size} bytes (allowed: {_MAX_HEADER_BYTES})")
        return entry

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        at = archive.offset
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":  # the block of zeros that ends an archive
                raise
            raise tarfile.ReadError(f"no valid header at byte {at} ({error})") from error


def _tar_member(archive: tarfile.TarFile, entry: tarfile.TarInfo, max_file_bytes: int) -> Member:
    name = entry.name.removeprefix("./")
    if not entry.isreg():
        return Member(name, b"", "is a link or device; put the file itself there")
    if entry.size > max_file_bytes:
        return Member(name, b"", _too_large(entry.size, max_file_bytes))
    file = archive.extractfile(entry)
    return Member(name, file.read() if file else b"", None)


def _check_tar_end(name: str, path: Path) -> None:
    """A plain tar truncated between two files can be read; only a complete one ends with zeros."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _BLOCK))
        if file.read(_BLOCK).strip(b"\0"):
            raise DataError(
                f"{name}: is not a tar or zip archive, or is truncated: it has no end-of-archive block"
            )


def _zip_members(name: str, path: Path, max_file_bytes: int) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            allowed = max(FREE_BYTES, _MAX_RATIO * path.stat().st_size)
            if sum(entry.file_size for entry in entries) > allowed:
                raise _unpacks_to_too_much(name)
            for entry in entries:
                yield _zip_member(archive, entry, max_file_bytes)
    except _DAMAGED as error:
        raise DataError(f"{name}: is a damaged or truncated zip archive: {error}") from error


def _zip_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_file_bytes: int) -> Member:
    name = entry.filename
    if stat.S_ISLNK(entry.external_attr >> 16):
        return Member(name, b"", "is a link or device; put the file itself there")
    if entry.flag_bits & 1:
        return Member(name, b"", "is encrypted; pack it without a password")
    if entry.file_size > max_file_bytes:
        return Member(name, b"", _too_large(entry.file_size, max_file_bytes))
    try:
        return Member(name, archive.read(entry), None)
    except _DAMAGED as error:
        return Member(name, b"", f"cannot be unpacked: {error}")


def _unpacks_to_too_much(name: str, why: str = "") -> DataError:
    return DataError(f"{name}: unpacks to over {_MAX_RATIO} times its size{why}; check it")


def _too_large(size: int, allowed: int) -> str:
    return f"has {size} bytes (allowed: {allowed}; `max_file_bytes`)"
