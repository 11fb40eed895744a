"""The outputs that `dvc.lock` records: whether their bytes exist unaltered, and which files of others differ.

DVC trusts its cache: it takes an object that was altered in place as up to date. Here every byte is hashed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from teacherspec.compare.revision import Revision
from teacherspec.run_records.dvc_hashing import md5_of_bytes, md5_of_file
from teacherspec.run_records.folder_contents import folder_contents

FOLDER = ".dir"
State = Literal["intact", "altered", "missing"]


@dataclass(frozen=True)
class Cache:
    """The objects of a DVC cache, by MD5.

    Attributes:
        folder: with `ab/cdef…` files.
    """

    folder: Path

    def path(self, md5: str) -> Path:
        """Path of the object with this hash."""
        return self.folder / md5[:2] / md5[2:]

    def files(self, md5: str) -> dict[str, str] | None:
        """Relative path → MD5 of the files of an output; one nameless file if it is no folder.

        None where its list of files is not in the cache.
        """
        if not md5.endswith(FOLDER):
            return {"": md5}
        listing = self.path(md5)
        if not listing.is_file():
            return None
        return {entry["relpath"]: entry["md5"] for entry in json.loads(listing.read_text(encoding="utf-8"))}

    def state(self, md5: str) -> State:
        """Whether every byte of an output exists unaltered."""
        files = self.files(md5)
        if files is None:
            return "missing"
        expected = {*files.values(), md5}
        if any(not self.path(name).is_file() for name in expected):
            return "missing"
        altered = [name for name in expected if md5_of_file(self.path(name)) != name.removesuffix(FOLDER)]
        return "altered" if altered else "intact"


def local_cache() -> Cache:
    """The cache of the repository around the current folder."""
    from dvc.repo import Repo

    with Repo() as repo:
        return Cache(Path(repo.cache.local.path))


def output_states(revision: Revision, cache: Cache) -> dict[str, State]:
    """Every output that the `dvc.lock` of `revision` records → the state of its bytes.

    Reports are read from git, everything else from the cache.
    """
    return {path: _state(revision, path, md5, cache) for path, md5 in revision.outs.items()}


def _state(revision: Revision, path: str, md5: str, cache: Cache) -> State:
    content = revision.content(path)
    if content is not None:
        return "intact" if md5_of_bytes(content) == md5 else "altered"
    in_git = folder_contents(path, revision.commit) if md5.endswith(FOLDER) else None
    if in_git and in_git.files:
        return "intact" if in_git.md5 == md5 else "altered"
    return cache.state(md5)


def different_files(before: str, after: str, cache: Cache) -> Iterator[str]:
    """Names of the files that differ between two outputs, sorted; none if a list of files is missing."""
    sides: list[Mapping[str, str]] = [cache.files(md5) or {} for md5 in (before, after)]
    for name in sorted(sides[0].keys() | sides[1].keys()):
        if name and sides[0].get(name) != sides[1].get(name):
            yield name
