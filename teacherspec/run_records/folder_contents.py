"""The files of a folder that a stage depends on: now, in a commit, and in the run that `dvc.lock` records.

`dvc.lock` holds one hash for a folder. Which of its files changed since the run can be reported where git
still has the files that give this hash.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import islice
from pathlib import Path

from pathspec import GitIgnoreSpec

from teacherspec.run_records.dvc_hashing import IGNORED, files_of, folder_md5, md5_of_bytes, md5_of_file
from teacherspec.run_records.dvc_yaml import LOCK
from teacherspec.run_records.tracked_files import POINTER, files_of_pointers, pointers_in
from teacherspec.runtime.project_root import project_root

MOST_COMMITS = 20
"""Commits in which the files of a run are looked for, newest first."""

_MD5_OF_BLOB: dict[str, str] = {}
"""Name of a blob in git → MD5 of its bytes, of those read so far; a blob never changes."""


@dataclass(frozen=True)
class FolderContents:
    """The files of a folder that DVC counts: without those that `.dvcignore` names.

    Attributes:
        md5: of the folder, as `dvc.lock` names it.
        files: path of each file from the root → MD5 of its bytes.
    """

    md5: str
    files: Mapping[str, str]

    def changed(self, other: "FolderContents") -> list[str]:
        """Files that differ or exist on one side only, sorted."""
        return sorted({path for path, _ in self.files.items() ^ other.files.items()})


def folder_contents(folder: str, commit: str | None = None, root: Path = Path()) -> FolderContents:
    """The files of `folder`; none where there is no such folder.

    Args:
        folder: from the root.
        commit: its full hash; None: the working tree.
        root: of the repository.
    """
    return _in_commit(folder, commit, root.resolve()) if commit else _in_working_tree(folder, root)


def contents_of_run(
    folder: str, recorded: str, commit: str | None = None, root: Path = Path()
) -> FolderContents | None:
    """The files that `folder` held in the run that `dvc.lock` records.

    Args:
        folder: from the root.
        recorded: its MD5 in `dvc.lock`.
        commit: full hash of the one whose `dvc.lock` it is; None: that of the working tree.
        root: folder of `dvc.lock`.

    Returns:
        None where neither the working tree or commit itself, nor one of the last commits that changed this
        hash in `dvc.lock`, holds these files.
    """
    for candidate in _candidates(recorded, commit, root.resolve()):
        found = folder_contents(folder, candidate, root)
        if found.md5 == recorded:
            return found
    return None


def _candidates(recorded: str, commit: str | None, root: Path) -> Iterator[str | None]:
    yield commit
    newest = commit or _git(root, "rev-parse", "--quiet", "--verify", "HEAD").decode().strip()
    if newest:
        yield newest
        yield from islice(_commits_changing(recorded, newest, root), MOST_COMMITS)


@cache
def _commits_changing(recorded: str, newest: str, root: Path) -> tuple[str, ...]:
    """Commits up to `newest` that added or removed this hash in `dvc.lock`, newest first."""
    return tuple(_git(root, "log", "--format=%H", f"-S{recorded}", newest, "--", str(LOCK)).decode().split())


def _in_working_tree(folder: str, root: Path) -> FolderContents:
    here = {path.relative_to(root).as_posix(): md5_of_file(path) for path in files_of(root / folder, root)}
    return _contents(folder, files_of_pointers(pointers_in(root / folder, root), root) | here)


@cache
def _in_commit(folder: str, commit: str, root: Path) -> FolderContents:
    top = project_root(root)
    rules = os.path.relpath(top / IGNORED, root)
    listing = _git(root, "ls-tree", "-r", "-z", commit, rules, f"{folder}/").decode()
    entries = [entry.partition("\t") for entry in listing.split("\0") if entry]
    blobs = {path: about.split()[2] for about, _, path in entries if about.split()[1] == "blob"}
    ignored = GitIgnoreSpec.from_lines(_text(root, blobs.pop(rules, None)).splitlines())
    counted = {
        path: blob
        for path, blob in blobs.items()
        if not ignored.match_file(os.path.relpath(root / path, top))
    }
    _read_md5s(root, [blob for blob in counted.values() if blob not in _MD5_OF_BLOB])
    pointers = {path: _text(root, blob) for path, blob in counted.items() if path.endswith(POINTER)}
    in_git = {path: _MD5_OF_BLOB[blob] for path, blob in counted.items()}
    return _contents(folder, files_of_pointers(pointers, root) | in_git)


def _contents(folder: str, files: Mapping[str, str]) -> FolderContents:
    below = {path.removeprefix(f"{folder}/"): md5 for path, md5 in files.items()}
    return FolderContents(folder_md5(below), files)


def _text(root: Path, blob: str | None) -> str:
    return _git(root, "cat-file", "blob", blob).decode() if blob else ""


def _read_md5s(root: Path, blobs: list[str]) -> None:
    """Read blobs by one call of git."""
    output = BytesIO(_git(root, "cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs)))
    while header := output.readline().decode().split():  # name, type and size; then the bytes and a line end
        _MD5_OF_BLOB[header[0]] = md5_of_bytes(output.read(int(header[2])))
        output.read(1)


def _git(root: Path, *arguments: str, stdin: str = "") -> bytes:
    """Output of git; empty where it fails, as in a folder that is no repository."""
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, input=stdin.encode(), capture_output=True, check=False).stdout
