"""What lies behind the links of a folder of code, here or in a commit; which of it changed since a run.

`dvc.lock` knows such a folder by one hash. Which of its files changed can be told where git still has the
files that give this hash.
"""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from posixpath import basename, dirname, join, normpath

from pathspec import GitIgnoreSpec

from teacherspec.run_records.dvc_hashing import IGNORED, files_of, folder_md5, md5_of_bytes
from teacherspec.run_records.dvc_yaml import LOCK

LINK = "120000"
"""Mode of a link in git."""

TRIED = 20
"""Commits that are asked for the files of a run, newest first, before it is given up."""


@dataclass(frozen=True)
class Behind:
    """The files that a folder of links leads to; a file that is no link stands for itself.

    Attributes:
        md5: of the folder, as `dvc.lock` names it.
        files: path of each file from the root → MD5 of its bytes.
    """

    md5: str
    files: Mapping[str, str]

    def changed(self, other: "Behind") -> list[str]:
        """Files that differ or are on one side only, sorted."""
        return sorted({path for path, _ in self.files.items() ^ other.files.items()})


def behind(folder: str, commit: str | None = None, root: Path = Path()) -> Behind:
    """What `folder` leads to in a commit, or in the working tree; empty where there is no such folder."""
    return _in_commit(folder, commit, root) if commit else _here(folder, root)


def behind_run(folder: str, recorded: str, commit: str | None = None, root: Path = Path()) -> Behind | None:
    """What `folder` led to in the run that `dvc.lock` speaks of.

    Args:
        folder: from the root.
        recorded: its MD5 in `dvc.lock`.
        commit: whose `dvc.lock`; None: that of the working tree.
        root: folder of `dvc.lock`.

    Returns:
        None where neither the side itself nor a commit that changed what the lock says holds these files.
    """
    for place in _places(recorded, commit, root):
        found = behind(folder, place, root)
        if found.md5 == recorded:
            return found
    return None


def _places(recorded: str, commit: str | None, root: Path) -> Iterator[str | None]:
    yield commit
    told = _git(root, "log", "--format=%H", f"-S{recorded}", commit or "HEAD", "--", str(LOCK))
    yield from islice(chain(() if commit else ("HEAD",), told.decode().split()), TRIED)


def _here(folder: str, root: Path) -> Behind:
    files = {path.relative_to(root / folder).as_posix(): path for path in files_of(root / folder)}
    return _behind(
        folder,
        {name: path.readlink().as_posix() for name, path in files.items() if path.is_symlink()},
        {name: path.read_bytes() for name, path in files.items()},
    )


def _in_commit(folder: str, commit: str, root: Path) -> Behind:
    listed = _git(root, "ls-tree", "-r", "-z", commit, f"{folder}/").decode().rstrip("\0")
    entries = [entry.partition("\t") for entry in listed.split("\0")] if listed else []
    (lines,) = _blobs(root, [f"{commit}:./{IGNORED}"])
    ignored = GitIgnoreSpec.from_lines((lines or b"").decode().splitlines())
    modes = {path: about.split()[0] for about, _, path in entries if not ignored.match_file(path)}
    links = [path for path, mode in modes.items() if mode == LINK]
    texts = zip(links, _blobs(root, [f"{commit}:./{path}" for path in links]), strict=True)
    leads = {path.removeprefix(f"{folder}/"): text.decode() for path, text in texts if text is not None}
    names = [path.removeprefix(f"{folder}/") for path in modes]
    places = [_place(folder, name, leads) for name in names]
    found = zip(names, _blobs(root, [f"{commit}:./{place}" for place in places]), strict=True)
    return _behind(folder, leads, {name: text for name, text in found if text is not None})


def _behind(folder: str, leads: Mapping[str, str], contents: Mapping[str, bytes]) -> Behind:
    """Put together what a folder holds.

    Args:
        folder: from the root.
        leads: name of each link in it → where it leads, from where it lies.
        contents: name of each file in it, links too → bytes found there.
    """
    sums = {name: md5_of_bytes(text) for name, text in contents.items()}
    return Behind(folder_md5(sums), {_place(folder, name, leads): md5 for name, md5 in sums.items()})


def _place(folder: str, name: str, leads: Mapping[str, str]) -> str:
    """From the root: where a link leads, or where a file that is no link lies."""
    return normpath(join(folder, dirname(name), leads.get(name, basename(name))))


def _blobs(root: Path, names: list[str]) -> list[bytes | None]:
    """The bytes that git has under each name, None where it has none, by one call for all."""
    told = _git(root, "cat-file", "--batch", asked="".join(f"{name}\n" for name in names).encode())
    found: list[bytes | None] = []
    while told:
        about, _, told = told.partition(b"\n")
        size = None if about.endswith(b" missing") else int(about.split()[-1])
        found.append(None if size is None else told[:size])
        told = told if size is None else told[size + 1 :]
    return found or [None] * len(names)


def _git(root: Path, *arguments: str, asked: bytes = b"") -> bytes:
    """What git says; nothing where it fails, as in a folder that is no repository."""
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, input=asked, capture_output=True, check=False).stdout
