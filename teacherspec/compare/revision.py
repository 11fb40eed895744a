"""One side of a comparison: a commit or the working tree, read from git, `dvc.lock` and the cache."""

import posixpath
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from teacherspec.compare.partial_clone import get_missing_files
from teacherspec.compare.value_limits import LARGEST_TEXT, check_limits
from teacherspec.errors import UserError
from teacherspec.run_records.conflicts import refuse_conflict
from teacherspec.run_records.dvc_yaml import DeclaredStage, stages_in
from teacherspec.run_records.folder_contents import folder_contents
from teacherspec.run_records.receipt import hashes
from teacherspec.run_records.recorded_artifact import UnavailableError, recorded_artifact

if TYPE_CHECKING:
    from scmrepo.git import Git

WORKING_TREE = "working tree"
DVC_YAML, LOCK, PARAMS = "dvc.yaml", "dvc.lock", "params.yaml"
SHORT = 8
"""Digits of a commit in titles."""


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
        place = posixpath.normpath(f"/{project_folder()}{path}")
        return bytes(files.cat_file(place)) if files.isfile(place) else None

    def text(self, path: str) -> str | None:
        """The same as UTF-8 text; None also where it is not text."""
        content = self.content(path)
        try:
            return None if content is None else content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None

    def nearest_text(self, name: str) -> str | None:
        """The text of a file that teachers may share: in the folder of the teacher, or nearest above it."""
        steps = range(project_folder().count("/") + 1)
        return next((text for step in steps if (text := self.text("../" * step + name)) is not None), None)

    def mapping(self, path: str) -> Mapping[str, Any]:
        """A YAML or JSON file as nested values; empty where there is none.

        Raises:
            UserError: it cannot be parsed, as after a merge with unresolved conflicts.
        """
        text = self.text(path)
        if text is None:
            return {}
        refuse_conflict(text, f"{self.name}: {path}")
        try:
            if len(text) > LARGEST_TEXT:
                raise ValueError(f"is longer than {LARGEST_TEXT:,} characters")
            found = YAML(typ="safe", pure=True).load(text)
            check_limits(found)
        except RecursionError:
            raise UserError(f"{self.name}: {path}: is nested too deep") from None
        except ValueError as error:
            raise UserError(f"{self.name}: {path}: {error}") from error
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
        declared = self.mapping(DVC_YAML)
        try:
            return stages_in(declared, self.params)
        except (UserError, KeyError):
            return {}

    @cached_property
    def outs(self) -> Mapping[str, str]:
        """Path → MD5 of every output that `dvc.lock` records."""
        return {
            path: md5 for stage in self.stages.values() for path, md5 in hashes(stage.get("outs", ())).items()
        }

    @cached_property
    def reports(self) -> frozenset[str]:
        """Every output in git: files, and the files of folders."""
        declared = [path for stage in self.declared_stages.values() for path in stage.in_git]
        folders = [path for path in declared if self.outs.get(path, "").endswith(".dir")]
        files = [file for folder in folders for file in folder_contents(folder, self.commit).files]
        return frozenset([*files, *(path for path in declared if path not in folders)])

    def artifact(self, path: str) -> AbstractContextManager[Path]:
        """The file or folder that its `dvc.lock` names, while the block runs; it must not be written to.

        From the workspace where that holds it, else from the cache or the remote.

        Raises:
            UnavailableError: it is nowhere, or `dvc.lock` does not name it.
        """
        if not self.outs.get(path):
            raise UnavailableError(f"{path}: {LOCK} of {self.name} records none; run `teacherspec repro`")
        return recorded_artifact(path, self.outs[path], self.name, self.commit)


@cache
def _files_of(root: Path, commit: str) -> Any:  # noqa: ARG001 - part of the key
    """The files of a commit of the repository around `root`; a commit never changes, so it is opened once."""
    git = repository()
    get_missing_files(git, commit)
    return git.get_fs(commit)


def repository() -> "Git":
    """The repository around the current folder.

    Raises:
        UserError: there is none, or it belongs to another user, as where a container mounts one.
    """
    from pygit2 import GitError
    from scmrepo.exceptions import SCMError
    from scmrepo.git import Git

    try:
        git = Git()
    except SCMError as error:
        raise UserError(f"not in a git repository: {error}") from error
    try:
        git.pygit2  # noqa: B018 (opened here, where the reason of a refusal can be shown)
    except GitError as error:
        trust = f"if you trust it: git config --global --add safe.directory {git.root_dir}"
        raise UserError(f"git: {error}{f'; {trust}' if 'not owned by' in str(error) else ''}") from error
    return git


def project_folder() -> str:
    """The current folder from the root of its git repository: empty at the root, else ending in `/`."""
    return _folder_below_root(Path.cwd())


@cache
def _folder_below_root(folder: Path) -> str:
    found = folder.resolve().relative_to(Path(repository().root_dir).resolve()).as_posix()
    return "" if found == "." else f"{found}/"


def find_revision(name: str | None) -> Revision:
    """The commit called `name` (branch, tag, hash, `HEAD~1`, experiment); None: the working tree.

    Raises:
        UserError: there is no such commit, or several experiments have the name.
    """
    if name is None:
        return Revision(WORKING_TREE, None)
    from scmrepo.exceptions import SCMError

    git = repository()
    try:
        return Revision(name, git.resolve_rev(name))
    except SCMError as error:
        if experiments := _experiments(git, name):
            if len(set(experiments.values())) > 1:
                raise UserError(
                    f"{name}: several experiments are called so: {', '.join(experiments)}"
                ) from error
            return Revision(name, next(iter(experiments.values())))
        raise UserError(f"{name}: no such branch, tag, commit or experiment{_remedy(git, name)}") from error


def _experiments(git: "Git", name: str) -> dict[str, str]:
    """Full name → commit of the experiments called `name`, which DVC keeps below `refs/exps`."""
    refs = [ref for ref in git.iter_refs("refs/exps") if ref.rpartition("/")[2] == name]
    return {ref: str(git.get_ref(ref)) for ref in refs}


def _remedy(git: "Git", name: str) -> str:
    """What may help: close names, and the rest of the history where this clone is shallow."""
    heads = ("refs/heads/", "refs/tags/", "refs/remotes/")
    names = {ref.removeprefix(head) for ref in git.iter_refs() for head in heads if ref.startswith(head)}
    names |= {ref.rpartition("/")[2] for ref in git.iter_refs("refs/exps")}
    close = get_close_matches(name, names, n=3)
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    if not (Path(git.root_dir) / ".git/shallow").is_file():
        return meant
    return f"{meant}; this clone is shallow: `git fetch --unshallow`, or `fetch-depth: 0` in a workflow"
