"""The outputs that `dvc.lock` records: whether their bytes exist unaltered, and which files of others differ.

DVC trusts its cache: it takes an object that was altered in place as up to date. Here every byte is hashed.
"""

from collections.abc import Iterator, Mapping

from teacherspec.compare.revision import Revision
from teacherspec.run_records.dvc_cache import FOLDER, Cache, State
from teacherspec.run_records.dvc_hashing import md5_of_bytes
from teacherspec.run_records.folder_contents import folder_contents


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
