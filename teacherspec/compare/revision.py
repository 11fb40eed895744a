"""One side of a comparison: a commit or the working tree, read from git, `dvc.lock` and the cache."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from teacherspec.errors import UserError
from teacherspec.run_records.dvc_yaml import DeclaredStage, stages_in
from teacherspec.run_records.folder_contents import folder_contents

if TYPE_CHECKING:
    from scmrepo.git import Git

WORKING_TREE = "working tree"
DVC_YAML, LOCK, PARAMS = "dvc.yaml", "dvc.lock", "params.yaml"
SHORT = 8
"""Digits of a commit in titles."""


class UnavailableError(UserError):
    """An artifact that `dvc.lock` records is neither in the cache nor in a remote that answers."""


@dataclass(frozen=True)
class Revision:
    """A commit of the repository around the current folder, or its working tree.

    Attributes:
        name: as given by the user.
        commit: 40 hex digits; None for the working tree.
    """

    name: str
    commit: str | None

    @property
    def title(self) -> str:
        """Its name with the short commit."""
        if self.commit is None or self.commit.startswith(self.name):
            return self.name if self.commit is None else self.commit[:SHORT]
        return f"{self.name} ({self.commit[:SHORT]})"

    def content(self, path: str) -> bytes | None:
        """Bytes of a file that git tracks; None where this side has no such file."""
        if self.commit is None:
            return Path(path).read_bytes() if Path(path).is_file() else None
        files = _files_of(Path.cwd(), self.commit)
        return bytes(files.cat_file(f"/{path}")) if files.isfile(f"/{path}") else None

    def text(self, path: str) -> str | None:
        """The same as UTF-8 text; None also where it is not text."""
        content = self.content(path)
        try:
            return None if content is None else content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None

    def mapping(self, path: str) -> Mapping[str, Any]:
        """A YAML or JSON file as nested values; empty where there is none.

        Raises:
            UserError: it cannot be parsed, as after a merge with unresolved conflicts.
        """
        text = self.text(path)
        if text is None:
            return {}
        try:
            found = YAML(typ="safe", pure=True).load(text)
        except YAMLError as error:
            raise UserError(f"{self.name}: {path}: cannot be read: {' '.join(str(error).split())}") from error
        return found if isinstance(found, dict) else {}

    @cached_property
    def stages(self) -> Mapping[str, Any]:
        """Stage that was built → its entry of `dvc.lock`: `cmd`, `deps`, `params`, `outs`."""
        return self.mapping(LOCK).get("stages") or {}

    @cached_property
    def params(self) -> Mapping[str, Any]:
        """The declaration, not validated: an older one may follow older rules."""
        return self.mapping(PARAMS)

    @cached_property
    def declared_stages(self) -> Mapping[str, DeclaredStage]:
        """The stages of its `dvc.yaml`; none where a `${…}` names nothing."""
        try:
            return stages_in(self.mapping(DVC_YAML), self.params)
        except (UserError, KeyError):
            return {}

    @cached_property
    def outs(self) -> Mapping[str, str]:
        """Path → MD5 of every output that `dvc.lock` records."""
        return {
            out["path"]: out.get("md5", "") for stage in self.stages.values() for out in stage.get("outs", ())
        }

    @cached_property
    def reports(self) -> frozenset[str]:
        """Every output in git: files, and the files of folders."""
        declared = [path for stage in self.declared_stages.values() for path in stage.in_git]
        folders = [path for path in declared if self.outs.get(path, "").endswith(".dir")]
        files = [file for folder in folders for file in folder_contents(folder, self.commit).files]
        return frozenset([*files, *(path for path in declared if path not in folders)])

    @contextmanager
    def artifact(self, path: str) -> Iterator[Path]:
        """A file or folder that DVC tracks, while the block runs.

        For a commit it is copied from the cache, or from the remote where the cache does not have it.

        Raises:
            UnavailableError: it is in neither.
        """
        if self.commit is None:
            if not Path(path).exists():
                raise UnavailableError(f"{path} is not in the working tree (`dvc checkout`)")
            yield Path(path)
            return
        from dvc.api import DVCFileSystem
        from dvc.exceptions import DvcException
        from dvc_data.index import DataIndexDirError
        from scmrepo.exceptions import SCMError

        with TemporaryDirectory() as scratch:
            target = Path(scratch) / Path(path).name
            try:
                files = DVCFileSystem(rev=self.commit)
                files.get(path, str(target), recursive=files.isdir(path))
            except (DvcException, DataIndexDirError, SCMError, OSError) as error:
                raise UnavailableError(
                    f"{path} of {self.name} is neither in the DVC cache nor in a remote (`dvc fetch`)"
                ) from error
            yield target


@cache
def _files_of(root: Path, commit: str) -> Any:  # noqa: ARG001 - part of the key
    """The files of a commit of the repository around `root`; a commit never changes, so it is opened once."""
    return repository().get_fs(commit)


def repository() -> "Git":
    """The repository around the current folder.

    Raises:
        UserError: there is none.
    """
    from scmrepo.exceptions import SCMError
    from scmrepo.git import Git

    try:
        return Git()
    except SCMError as error:
        raise UserError(f"not in a git repository: {error}") from error


def find_revision(name: str | None) -> Revision:
    """The commit called `name` (branch, tag, hash, `HEAD~1`), or the working tree where it is None.

    Raises:
        UserError: there is no such commit.
    """
    if name is None:
        return Revision(WORKING_TREE, None)
    from scmrepo.exceptions import SCMError

    try:
        return Revision(name, repository().resolve_rev(name))
    except SCMError as error:
        raise UserError(
            f"{name}: no such revision here; a shallow clone may lack it (`git fetch --unshallow`, or "
            "`fetch-depth: 0` in a workflow)"
        ) from error
