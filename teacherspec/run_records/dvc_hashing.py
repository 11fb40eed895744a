"""Hashes of files and folders as DVC computes them, so that they can be compared with `dvc.lock`.

DVC uses MD5. Every file gets its SHA-256 in the same pass, for manifests that anyone can check.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pathspec import GitIgnoreSpec

from teacherspec.run_records.tracked_files import files_of_pointers, pointers_in
from teacherspec.runtime.atomic_io import CHUNK_BYTES
from teacherspec.runtime.file_stamp import Stamp, stamp
from teacherspec.runtime.project_root import project_root

IGNORED = Path(".dvcignore")


@dataclass(frozen=True)
class Content:
    """The hashes of a file, or of all files of a folder.

    Attributes:
        md5: as in `dvc.lock`; a folder's ends in `.dir`.
        sha256: path of each file (below the path hashed, or its own) → SHA-256.
        stamps: the same files → inode, size, modification and change time in ns.
    """

    md5: str
    sha256: Mapping[Path, str]
    stamps: Mapping[Path, Stamp]

    def unchanged(self) -> bool:
        """Whether the same files exist and none was written since: by their stamps alone, reading none."""
        try:
            return {path: stamp(path) for path in self.stamps} == self.stamps
        except FileNotFoundError:
            return False


def content(path: Path) -> Content | None:
    """The content at `path`, from the current folder; None where there is nothing."""
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
    """DVC's hash of a folder: the MD5 of path and MD5 of each of its files, sorted, as JSON.

    Args:
        files: path of each file from the folder → MD5 of its bytes.
    """
    listing = [{"md5": md5, "relpath": path} for path, md5 in sorted(files.items())]
    return md5_of_bytes(json.dumps(listing, sort_keys=True).encode()) + ".dir"


def recorded_md5(entry: Mapping[str, Any]) -> str:
    """The hash in an entry of `dvc.lock` or of a `.dvc` file; empty where it names none.

    After a push to a remote that keeps versions (`version_aware`), DVC lists the files of a folder instead of
    its hash.
    """
    if entry.get("md5"):
        return str(entry["md5"])
    files = entry.get("files") or ()
    if not files or not all(file.get("md5") for file in files):
        return ""
    return folder_md5({str(file["relpath"]): str(file["md5"]) for file in files})


def md5_of_bytes(text: bytes) -> str:
    """DVC's hash of a file that holds these bytes."""
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def files_of(folder: Path, root: Path = Path()) -> Iterator[Path]:
    """All files below `folder` that DVC counts, sorted: without those that `.dvcignore` of the project names.

    Args:
        folder: below `root`, also by `..`.
        root: of the teacher.
    """
    top = project_root(root)
    path = top / IGNORED
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    ignored = GitIgnoreSpec.from_lines(lines)
    above = Path(os.path.relpath(folder, top))
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not ignored.match_file(above / file.relative_to(folder)):
            yield file


def md5_of(path: Path, root: Path = Path()) -> str | None:
    """DVC's hash of the file or folder at `path`, or None where there is nothing.

    Files that DVC tracks and that are not here count with the hash of their pointers.

    Args:
        path: below `root` where it is a folder.
        root: of the repository.
    """
    if path.is_dir():
        here = {file.relative_to(root).as_posix(): md5_of_file(file) for file in files_of(path, root)}
        prefix = f"{path.relative_to(root).as_posix()}/"
        files = files_of_pointers(pointers_in(path, root), root) | here
        return folder_md5({name.removeprefix(prefix): md5 for name, md5 in files.items()})
    return md5_of_file(path) if path.is_file() else None


def md5_of_file(path: Path) -> str:
    """DVC's hash of a file, read in bounded memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _md5).hexdigest()


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


def _digests(path: Path) -> tuple[str, str]:
    md5, sha256 = _md5(), hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            md5.update(chunk)
            sha256.update(chunk)
    return md5.hexdigest(), sha256.hexdigest()
