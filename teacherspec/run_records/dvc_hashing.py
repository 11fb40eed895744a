"""Contents named as DVC names them, so that our records and `dvc.lock` speak of the same bytes.

MD5 is DVC's choice; every file gets its SHA-256 in the same pass, for manifests that anyone can check.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from teacherspec.runtime.atomic_io import CHUNK_BYTES

IGNORED = Path(".dvcignore")
Stamp = tuple[int, int, int, int]


@dataclass(frozen=True)
class Content:
    """The bytes of a file or of all files of a folder.

    Attributes:
        md5: as in `dvc.lock`; a folder's ends in `.dir`.
        sha256: path of each file (below the path hashed, or its own) → SHA-256.
        stamps: the same files → inode, size, modification and change time in ns.
    """

    md5: str
    sha256: Mapping[Path, str]
    stamps: Mapping[Path, Stamp]

    def unchanged(self) -> bool:
        """Whether the same files are there, none written since: by their stamps alone, reading nothing."""
        try:
            return {path: stamp(path) for path in self.stamps} == self.stamps
        except FileNotFoundError:
            return False


def stamp(path: Path) -> Stamp:
    """What the file system says of a file; any write moves the change time."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def content(path: Path) -> Content | None:
    """The content at `path`, or None where there is nothing."""
    if path.is_file():
        md5, sha256 = _digests(path)
        return Content(md5, {path: sha256}, {path: stamp(path)})
    if not path.is_dir():
        return None
    md5s, sums, stamps = {}, {}, {}
    for file in files_of(path):
        md5s[file.relative_to(path).as_posix()], sums[file] = _digests(file)
        stamps[file] = stamp(file)
    return Content(folder_md5(md5s), sums, stamps)


def folder_md5(files: Mapping[str, str]) -> str:
    """DVC's name of a folder: the MD5 of path and MD5 of each of its files, sorted, as JSON.

    Args:
        files: path of each file from the folder → MD5 of its bytes.
    """
    listing = [{"md5": md5, "relpath": path} for path, md5 in sorted(files.items())]
    return md5_of_bytes(json.dumps(listing, sort_keys=True).encode()) + ".dir"


def md5_of_bytes(text: bytes) -> str:
    """DVC's name of bytes."""
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def files_of(folder: Path) -> Iterator[Path]:
    """All files below `folder` that DVC sees, sorted: without those that `.dvcignore` names."""
    lines = IGNORED.read_text(encoding="utf-8").splitlines() if IGNORED.is_file() else []
    ignored = GitIgnoreSpec.from_lines(lines)
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not ignored.match_file(file):
            yield file


def md5_of(path: Path) -> str | None:
    """DVC's name of the content at `path`, or None where there is nothing."""
    found = content(path)
    return found.md5 if found else None


def _digests(path: Path) -> tuple[str, str]:
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            md5.update(chunk)
            sha256.update(chunk)
    return md5.hexdigest(), sha256.hexdigest()
