"""What the installed version of the library would change in a repository that `teacherspec init` made."""

import difflib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from teacherspec.check.inheritance import shared_file
from teacherspec.errors import UserError
from teacherspec.init.kinds.registry import BY_NAME
from teacherspec.init.pipeline import pipeline, teachers_only
from teacherspec.init.repository import (
    Declared,
    base_files,
    base_texts,
    git,
    library_files,
    shared_files,
    teacher_files,
)
from teacherspec.init.requirements import WHEELS, installed_wheel
from teacherspec.run_records.dvc_yaml import DVC_YAML, PARAMS, declared_artifacts, parsed
from teacherspec.run_records.library_versions import VERSIONS, installed_versions, plugin_versions
from teacherspec.run_records.teachers import IN_ROOT, TEACHERS, teachers
from teacherspec.runtime.atomic_io import write_text
from teacherspec.runtime.project_root import OWN, inherits

REQUIREMENTS = "requirements.txt"

WHEEL = re.compile(rf"^\./{WHEELS}/([^\s\[]+\.whl)", re.MULTILINE)
"""The file name of a wheel that `requirements.txt` installs."""


def upgrade(root: Path) -> tuple[dict[str, str], str]:
    """The files that differ from those of the installed library, with its text; and the unified diff.

    Raises:
        UserError: `teacherspec init` made no repository there, or a teacher declares no task.
    """
    found = teachers(root)
    if not found or not (root / VERSIONS).is_file():
        raise UserError(f"{root}: has no {PARAMS} and {VERSIONS}: `teacherspec init` made no repository here")
    files = _files(root, found)
    before = {name: text_of(root / name) for name in files}
    changed = {name: text for name, text in files.items() if before[name] != text}
    return changed, "".join(file_diff(name, before[name], text) for name, text in changed.items())


def _files(root: Path, found: Mapping[str, Path]) -> dict[str, str]:
    """File → text, of all that belongs to the installed library; helpers that the user removed stay away."""
    kinds = {name: _kind(root / folder) for name, folder in found.items()}
    _refuse_unknown(kinds)
    starts = {name: BY_NAME.get(kind) for name, kind in kinds.items()}
    registered = list(declared_artifacts(root))
    others = sorted(
        set(found) - {IN_ROOT}, key=lambda name: (name not in registered, [*registered, name].index(name))
    )
    if IN_ROOT in found:
        files = library_files(starts[IN_ROOT]) | {str(DVC_YAML): pipeline(others)}
    else:
        files = {str(DVC_YAML): teachers_only(others)}
    extras = sorted({extra for start in starts.values() if start for extra in start.EXTRAS})
    files |= shared_files(Declared(root, tuple(extras), tuple(sorted(set(kinds.values())))))
    for name in others:
        files |= teacher_files(found[name], sources(root / found[name])) | base_texts(starts[name])
    helpers = {name for start in starts.values() for name in base_files(start)}
    return {name: text for name, text in files.items() if name not in helpers or (root / name).exists()}


def _kind(folder: Path) -> str:
    """The kind of task of the teacher in a folder. Raises `UserError`."""
    declared = parsed(text_of(folder / PARAMS), str(folder / PARAMS))
    if not isinstance(declared.get("task"), dict):
        raise UserError(f"{folder / PARAMS}: declares no task; see `teacherspec check`")
    return str(declared["task"].get("kind", ""))


def _refuse_unknown(kinds: Mapping[str, str]) -> None:
    """Raise `UserError` where a kind is not here, whose package would be dropped from the files.

    Args:
        kinds: teacher → its kind of task.
    """
    known = {*installed_versions()["tasks"], *plugin_versions(sorted(set(kinds.values())))}
    problems = [
        f"{PARAMS if name == IN_ROOT else TEACHERS / name / PARAMS}: task.kind {kind} is neither built in "
        "nor of an installed package; install that package, or correct it (`teacherspec check`)"
        for name, kind in kinds.items()
        if kind not in known
    ]
    if problems:
        raise UserError(problems)


def sources(folder: Path) -> list[str]:
    """The files that `params.yaml` of a teacher is written from, from its folder."""
    return [str(OWN), os.path.relpath(shared_file(folder), folder)] if inherits(folder) else []


def text_of(file: Path) -> str:
    """The text of a file; empty where there is none."""
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def file_diff(name: str, before: str, after: str) -> str:
    """A unified diff of one file."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"))


def apply_upgrade(root: Path, files: Mapping[str, str]) -> None:
    """Write the files of an upgrade, and copies of the wheels that its `requirements.txt` names.

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
    for name in WHEEL.findall(files.get(REQUIREMENTS, "")):
        wheel = installed_wheel(name.partition("-")[0])
        if wheel is not None and wheel.name == name:
            (root / WHEELS).mkdir(exist_ok=True)
            shutil.copyfile(wheel, root / WHEELS / name)
