"""The objects of DVC's local cache, and what is in the workspace by DVC's own count."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from teacherspec.errors import UserError
from teacherspec.run_records.dvc_hashing import md5_of_file

if TYPE_CHECKING:
    from dvc.repo import Repo

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

        None where its list of files is not in the cache, or was altered there.
        """
        if not md5.endswith(FOLDER):
            return {"": md5}
        listing = self.path(md5)
        if not listing.is_file():
            return None
        try:
            entries = json.loads(listing.read_text(encoding="utf-8"))
            return {entry["relpath"]: entry["md5"] for entry in entries}
        except (ValueError, KeyError, TypeError):
            return None

    def holds(self, md5: str) -> bool:
        """Whether every file of an output is there; none is read."""
        files = self.files(md5)
        return files is not None and all(self.path(name).is_file() for name in files.values())

    def state(self, md5: str) -> State:
        """Whether every byte of an output exists unaltered."""
        if not self.path(md5).is_file():
            return "missing"
        files = self.files(md5)
        if files is None:
            return "altered"
        expected = {*files.values(), md5}
        if any(not self.path(name).is_file() for name in expected):
            return "missing"
        altered = [name for name in expected if md5_of_file(self.path(name)) != name.removesuffix(FOLDER)]
        return "altered" if altered else "intact"

    def link(self, md5: str, target: Path) -> None:
        """Show an output that the cache holds at `target`, by links to its objects: no byte is copied.

        Args:
            md5: of the output; `holds(md5)`.
            target: a path that does not exist.
        """
        for name, file in (self.files(md5) or {}).items():
            place = target / name if name else target
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(self.path(file).absolute())


@contextmanager
def open_dvc() -> "Iterator[Repo]":
    """DVC's view of the project in the current folder.

    Raises:
        UserError: there is none, or its configuration cannot be read.
    """
    from dvc.config import ConfigError
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo

    try:
        with Repo(str(Path.cwd())) as repo:
            yield repo
    except NotDvcRepoError as error:
        raise UserError("no DVC project here; run this in the folder that holds dvc.yaml and .dvc") from error
    except ConfigError as error:
        raise UserError(f".dvc/config: {_reason(error)}") from error
    except DvcException as error:
        raise UserError(f"dvc: {_reason(error)}") from error


def local_cache() -> Cache:
    """The cache of the project in the current folder. Raises `UserError` where there is none."""
    with open_dvc() as repo:
        return Cache(Path(repo.cache.local.path))


def workspace_md5(repo: "Repo", path: Path) -> str | None:
    """DVC's hash of what lies at `path` in the workspace; None where nothing does.

    DVC remembers the hash of a file by its inode, size and time, so that a model is not read each time.
    """
    from dvc.fs import LocalFileSystem
    from dvc_data.hashfile.build import build

    if not path.exists():
        return None
    _, _, found = build(
        repo.cache.local,
        str(path.absolute()),
        LocalFileSystem(),
        "md5",
        dry_run=True,
        ignore=repo.dvcignore,
    )
    return str(found.hash_info.value) if found.hash_info else None


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())
