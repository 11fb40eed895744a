"""`versions.yaml`: what each stage of a repository runs where teacherspec is installed and not part of it.

DVC compares dependencies by content. In the project's own repository a stage depends on folders of code; in a
repository that `teacherspec init` made it depends on its entry here, the digest of the same folders of the
installed library. An upgrade changes the entries of the stages whose code it changed, and DVC re-runs those.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from teacherspec.errors import UserError
from teacherspec.run_records.dvc_yaml import PARAMS, parse_yaml, parsed
from teacherspec.runtime.project_root import project_root

VERSIONS = Path("versions.yaml")
LIBRARY = "teacherspec"
KIND_FOLDER = "teacherspec/tasks/${task.kind}"
"""The code of the one kind of task that a teacher has, as the pipeline of this project names it."""

DIGITS = 16
"""Hexadecimal digits of a digest that are written: enough for a file that people review."""

DATA_SUFFIXES = frozenset({".py", ".j2", ".css", ".js"})
"""Files of the package that are code; nothing else of it changes a result."""


def template() -> Path:
    """The folder of the files that a new repository starts from."""
    return Path(str(files(LIBRARY))) / "init/template"


@cache
def installed_versions() -> Mapping[str, Any]:
    """The content of `versions.yaml` for the installed library.

    Returns:
        `teacherspec`: its version; `code`: stage → digest of the code it runs, of any kind of task; `tasks`:
        kind of task → digest of its code; `pins`: group → pinned versions of the libraries that can change a
        result.
    """
    stages = parse_yaml((template() / "pipeline.yaml").read_text(encoding="utf-8"))["stages"]
    groups = tomllib.loads((template() / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    kinds = sorted(file.parent.name for file in _root().glob("tasks/*/task.py"))
    return {
        LIBRARY: version(LIBRARY),
        "code": {name: _digest(code_of(stage)) for name, stage in stages.items()},
        "tasks": {kind: _digest([KIND_FOLDER.replace("${task.kind}", kind)]) for kind in kinds},
        "pins": {group: groups[group] for group in _groups(stages)},
    }


def plugin_versions(kinds: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Kind → package with its version, and digest of its code, of those that an installed package offers.

    Args:
        kinds: of task; built-in ones are left out.

    Raises:
        UserError: a package offers a kind whose module does not exist.
    """
    built_in = installed_versions()["tasks"]
    foreign = [kind for kind in kinds if kind not in built_in]
    if not foreign:
        return {}
    from teacherspec.run_records.plugin_code import plugin_code  # which imports all built-in kinds

    found = {kind: plugin_code(kind) for kind in foreign}
    return {
        kind: (code.package, code.digest(built_in)[:DIGITS])
        for kind, code in found.items()
        if code is not None
    }


def code_of(stage: Mapping[str, Any]) -> list[str]:
    """The files and folders of the library that a stage of `dvc.yaml` depends on for any kind of task."""
    return [dep for dep in stage["deps"] if dep.startswith(f"{LIBRARY}/") and dep != KIND_FOLDER]


def _groups(stages: Mapping[str, Any]) -> list[str]:
    """Groups of pins that stages declare, in the order of the first use."""
    found: dict[str, None] = {}
    for stage in stages.values():
        for param in stage["params"]:
            for key in param.get("pyproject.toml", ()) if isinstance(param, dict) else ():
                found[key.removeprefix("dependency-groups.")] = None
    return list(found)


def _root() -> Path:
    return Path(str(files(LIBRARY)))


def _digest(paths: list[str]) -> str:
    """SHA-256 over names and contents of the files of code below the paths, in order of name."""
    total = hashlib.sha256()
    for path in paths:
        own = _root().parent / path
        for file in [own] if own.is_file() else sorted(own.rglob("*")):
            if file.suffix in DATA_SUFFIXES:
                name = file.relative_to(_root().parent).as_posix()
                total.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:DIGITS]


def refuse_other_library(root: Path = Path(), stage: str | None = None) -> None:
    """Refuse to run with another library than `versions.yaml` states, where there is one.

    Args:
        root: of the teacher; the file is in it or in a folder above.
        stage: the one that is about to run; None for all.

    Raises:
        UserError: what differs, and the two ways on.
    """
    file = next((path for path in _versions_files(root) if path.is_file()), None)
    if file is None:
        return
    stated = parsed(file.read_text(encoding="utf-8"), str(VERSIONS))
    stated = stated if isinstance(stated, dict) else {}
    problems = [*_differences(stated, stage), *_plugin_differences(stated, _declared_kind(root))]
    if problems:
        raise UserError(
            f"{VERSIONS}: what is installed is not what is stated: {'; '.join(problems)}. Install what is "
            "stated (`pip install -r requirements.txt`), or move to what is installed with "
            "`teacherspec init --upgrade`, which shows what it changes"
        )


def _versions_files(root: Path) -> Iterator[Path]:
    """Where the file may be: in the folder of the teacher, or above it up to the root of the project."""
    own, top = root.absolute(), project_root(root)
    return (folder / VERSIONS for folder in (own, *own.parents) if folder.is_relative_to(top))


def _differences(stated: Mapping[str, Any], stage: str | None) -> Iterator[str]:
    installed = installed_versions()
    if stated.get(LIBRARY) != installed[LIBRARY]:
        yield f"version {stated.get(LIBRARY)} is stated, {installed[LIBRARY]} installed"
        return
    for part in ("code", "tasks"):
        given = stated.get(part)
        own = installed[part]
        keys = [stage] if stage is not None and stage in own else list(own)
        differing = [key for key in keys if not isinstance(given, dict) or given.get(key) != own[key]]
        if differing:
            yield f"the code of {', '.join(differing)} is another one"


def _declared_kind(root: Path) -> str:
    """The kind of task in `params.yaml`; empty where none can be read, which the check of it reports."""
    file = root / PARAMS
    task = parsed(file.read_text(encoding="utf-8-sig"), str(PARAMS)).get("task") if file.is_file() else None
    kind = task.get("kind") if isinstance(task, dict) else None
    return kind if isinstance(kind, str) else ""


def _plugin_differences(stated: Mapping[str, Any], declared: str) -> Iterator[str]:
    """The kinds of packages of users that are stated, or declared and not stated."""
    tasks, packages = (
        given if isinstance(given := stated.get(part), dict) else {} for part in ("tasks", "plugins")
    )
    wanted = set(packages) | ({declared} if declared and declared not in tasks else set())
    if not wanted:
        return
    installed = plugin_versions(sorted(wanted))
    for kind in sorted(wanted):
        package, digest = installed.get(kind, ("", ""))
        if kind not in packages:
            if package:
                yield f"kind {kind} of {package} is not stated"
        elif not package:
            yield f"kind {kind} of {packages[kind]} is not installed"
        elif tasks.get(kind) != digest:
            yield f"the code of kind {kind} is another one ({packages[kind]} is stated, {package} installed)"
