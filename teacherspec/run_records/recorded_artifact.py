"""The artifact that a `dvc.lock` names, wherever its bytes are: the workspace may hold another one.

After `git switch` without `dvc checkout` the workspace still holds the artifacts of the other branch, with
the `dvc.lock` of this one. Whatever reports on a commit must not take them for those of the commit.
"""

import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from teacherspec.errors import UserError
from teacherspec.run_records.dvc_cache import Cache, open_dvc, workspace_md5
from teacherspec.run_records.dvc_hashing import md5_of
from teacherspec.run_records.dvc_yaml import LOCK

if TYPE_CHECKING:
    from dvc.repo import Repo

SHOWN_CHARACTERS = 200


class UnavailableError(UserError):
    """An artifact that `dvc.lock` records is not here, not in the cache, and in no remote that answers."""


@contextmanager
def recorded_artifact(path: str, md5: str, name: str, commit: str | None = None) -> Iterator[Path]:
    """The artifact with the recorded hash, while the block runs.

    It is taken from the workspace where that holds it, else from the cache, else from the remote.

    Args:
        path: of the output in `dvc.lock`.
        md5: that `dvc.lock` records for it.
        name: of the revision, for messages.
        commit: full hash of the revision; None for the working tree.

    Raises:
        UnavailableError: it is nowhere; says why, and what to do.
    """
    with open_dvc() as repo, TemporaryDirectory() as scratch:
        target = Path(scratch) / Path(path).name
        found = _place(repo, path, md5, target)
        if found is None:
            reason = _fetch(repo, path, commit)
            found = _place(repo, path, md5, target)
        if found is None:
            other = f" (the workspace holds another one than its {LOCK} names)" if Path(path).exists() else ""
            raise UnavailableError(
                f"{path} of {name} is neither in the DVC cache nor in a remote{other}: {reason}; "
                f"try `{'dvc fetch --all-commits' if commit else 'dvc pull'}`"
            )
        yield found


@contextmanager
def recorded_artifacts(outs: Mapping[str, str], paths: Iterable[str]) -> Iterator[Path]:
    """A folder with several artifacts of `dvc.lock` under their last names; nothing is fetched for it.

    Args:
        outs: output → MD5, of `dvc.lock` of the working tree.
        paths: outputs, each of another last name.

    Raises:
        UnavailableError: names every one that is neither in the workspace nor in the cache.
    """
    with open_dvc() as repo, TemporaryDirectory() as scratch:
        missing = []
        for path in paths:
            target = Path(scratch) / Path(path).name
            found = _place(repo, path, outs[path], target) if outs.get(path) else None
            if found is None:
                missing.append(f"{path}: neither in the workspace nor in the DVC cache; run `dvc pull`")
            elif found != target:
                target.symlink_to(found.absolute())
        if missing:
            raise UnavailableError(missing)
        yield Path(scratch)


def _place(repo: "Repo", path: str, md5: str, target: Path) -> Path | None:
    """Where the artifact is: in the workspace, or shown at `target` from the cache; None: in neither."""
    if workspace_md5(repo, Path(path)) == md5:
        return Path(path)
    cache = Cache(Path(repo.cache.local.path))
    if not cache.holds(md5):
        return None
    cache.link(md5, target)
    return target


def require_reports(outs: Mapping[str, str], reports: Iterable[str]) -> None:
    """Refuse reports in git that are not those which `dvc.lock` records.

    Args:
        outs: output → MD5, of `dvc.lock` of the working tree.
        reports: outputs in git.

    Raises:
        UserError: names every report that is another one, or absent.
    """
    if other := [path for path in reports if path in outs and md5_of(Path(path)) != outs[path]]:
        raise UserError([f"{path}: is not what {LOCK} records; restore it from git" for path in other])


def require_recorded(outs: Mapping[str, str], path: str, folder: Path | None = None) -> None:
    """Refuse an artifact that is not the one which `dvc.lock` records.

    Args:
        outs: output → MD5, of the `dvc.lock` of the commit that is reported on.
        path: of the output there.
        folder: where its copy is; None: at `path`.

    Raises:
        UserError: `dvc.lock` records no such output, or what is there is another one, or nothing.
    """
    folder = Path(path) if folder is None else folder
    if not outs.get(path):
        raise UserError(
            f"{LOCK}: records no {path}, so there is nothing to compare it with; run `teacherspec repro`"
        )
    with open_dvc() as repo:
        here = workspace_md5(repo, folder)
        cached = Cache(Path(repo.cache.local.path)).holds(outs[path])
    if here != outs[path]:
        what = "there is nothing" if here is None else f"is not the one that {LOCK} records"
        remedy = "`dvc checkout`" if cached else "`dvc pull`, or `teacherspec repro`"
        raise UserError(f"{folder}: {what}; run {remedy}")


def _fetch(repo: "Repo", path: str, commit: str | None) -> str:
    """Fetch an output into the cache; returns why the cache may still lack it.

    Remotes are libraries of many makers: whatever one raises (no plugin, no credentials, no network) is a
    reason and not a fault of this code.
    """
    if not repo.config["core"].get("remote"):
        return "no default remote is configured"
    found: list[BaseException] = []
    revs = [commit] if commit else None
    logging.disable(logging.CRITICAL)  # the reason is reported once, by this code
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of DVC's libraries about each other
            repo.fetch([path], revs=revs, workspace=not commit, onerror=lambda _rev, _at, e: found.append(e))
    except Exception as error:
        found.append(error)
    finally:
        logging.disable(logging.NOTSET)
    return next((reason_of(error) for error in found), "the remote did not give it")


def reason_of(error: BaseException) -> str:
    """The message of the first error of a chain in one line; of a missing plugin, the one that names it."""
    while error.__cause__ is not None and not isinstance(error.__cause__, ModuleNotFoundError):
        error = error.__cause__
    if isinstance(error, FileNotFoundError):
        return "the remote does not have it"
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} …"
