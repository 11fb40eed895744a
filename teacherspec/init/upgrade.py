"""What the installed version of the library would change in a repository that `teacherspec init` made."""

import difflib
from collections.abc import Mapping
from pathlib import Path

from teacherspec.errors import UserError
from teacherspec.init.kinds.registry import BY_NAME
from teacherspec.init.repository import base_files, git, library_files
from teacherspec.run_records.dvc_yaml import PARAMS, parsed
from teacherspec.run_records.library_versions import VERSIONS
from teacherspec.runtime.atomic_io import write_text


def upgrade(root: Path) -> tuple[dict[str, str], str]:
    """The files that differ from those of the installed library, with its text; and the unified diff.

    Raises:
        UserError: `teacherspec init` made no repository there.
    """
    if not (root / PARAMS).is_file() or not (root / VERSIONS).is_file():
        raise UserError(f"{root}: has no {PARAMS} and {VERSIONS}: `teacherspec init` made no repository here")
    declared = parsed((root / PARAMS).read_text(encoding="utf-8"), str(PARAMS))
    start = BY_NAME.get(declared["task"]["kind"])
    given_up = {name for name in base_files(start) if not (root / name).exists()}
    files = {name: text for name, text in library_files(start).items() if name not in given_up}
    before = {name: _text(root / name) for name in files}
    changed = {name: text for name, text in files.items() if before[name] != text}
    return changed, "".join(_diff(name, before[name], text) for name, text in changed.items())


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _diff(name: str, before: str, after: str) -> str:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"))


def apply_upgrade(root: Path, files: Mapping[str, str]) -> None:
    """Write the files of an upgrade.

    Raises:
        UserError: one of them has changes that git does not have.
    """
    found = git(root, "status", "--porcelain", "--", *files)
    dirty = [line[3:] for line in found.stdout.splitlines()]
    if found.returncode or dirty:
        what = f"{', '.join(dirty)} differ from the last commit" if dirty else "this is no git repository"
        raise UserError(f"{root}: {what}; commit first, so that an upgrade loses nothing of yours")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_text(root / name, text)
