"""The code and the params that each stage of `dvc.yaml` declares, and those that it really uses."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.policy.import_closure import Project

LISTS = frozenset({"teacherspec/tasks/__init__.py", "teacherspec/tasks/plugins.py"})
"""The list of kinds, and what adds those of installed packages: no teacher of a listed kind runs it."""

KIND = "${task.kind}"
"""How `dvc.yaml` names the one kind of task that a teacher has."""

PACKAGES = ("stages", "teacherspec")

REFUSE_ONLY = frozenset(
    {
        ("teacherspec/finetune/train.py", "teacherspec/tracking/callback.py"),
        ("teacherspec/runtime/entrypoint.py", "teacherspec/check/checked_before.py"),
        ("teacherspec/runtime/entrypoint.py", "teacherspec/run_records/record_run.py"),
        ("teacherspec/runtime/entrypoint.py", "teacherspec/run_records/hardware.py"),
        ("teacherspec/runtime/entrypoint.py", "teacherspec/runtime/launcher.py"),
    }
)
"""Imports by name of what can refuse or start a run and never alters a result: the check of the declaration
(a stage of its own), the records of a run, what shows its numbers elsewhere, and what starts processes."""


@dataclass(frozen=True)
class Pipeline:
    """`dvc.yaml` beside the code of the project below `root`."""

    root: Path
    exempt: frozenset[tuple[str, str]] = REFUSE_ONLY
    project: Project = field(init=False)

    def __post_init__(self) -> None:
        # The list of kinds imports every kind; a teacher runs one of them.
        listed = {("teacherspec/tasks/__init__.py", file) for file in self.kinds.values()}
        object.__setattr__(self, "project", Project(self.root, exempt=self.exempt | listed))

    @cached_property
    def stages(self) -> dict[str, dict[str, Any]]:
        """Stage → its entry of `dvc.yaml`, templates as written."""
        text = (self.root / "dvc.yaml").read_text(encoding="utf-8")
        found: dict[str, dict[str, Any]] = YAML(typ="safe", pure=True).load(text)["stages"]
        return found

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Kind of task → the module that defines it."""
        files = (self.root / "teacherspec/tasks").glob("*/task.py")
        return {file.parent.name: file.relative_to(self.root).as_posix() for file in sorted(files)}

    def declared(self, stage: str, kind: str) -> set[str]:
        """The files and folders of code among the deps of a stage, for one kind of task."""
        deps = (dep.replace(KIND, kind) for dep in self.stages[stage]["deps"])
        return {dep for dep in deps if dep.split("/")[0] in PACKAGES}

    def used(self, stage: str, kind: str) -> frozenset[str]:
        """The files that the entrypoint of a stage can run for one kind of task."""
        entry = f"stages/{stage}.py"
        files = self.project.closure(entry)
        if "teacherspec/tasks/__init__.py" in files:
            files |= self.project.closure(self.kinds[kind])
        return files - LISTS

    def undeclared(self, stage: str) -> set[str]:
        """Files that a stage can run for some kind of task and does not depend on."""
        return {
            file
            for kind in self.kinds
            for file in self.used(stage, kind)
            if not any(lies_in(file, dep) for dep in self.declared(stage, kind))
        }

    def unused(self, stage: str) -> set[str]:
        """Files and folders that a stage depends on and never runs anything of, whatever the kind of task."""
        found = {kind: self.used(stage, kind) for kind in self.kinds}
        return {
            dep
            for dep in self.stages[stage]["deps"]
            if dep.split("/")[0] in PACKAGES
            and not any(lies_in(file, dep.replace(KIND, kind)) for kind in found for file in found[kind])
        }

    def sections_declared(self, stage: str) -> set[str]:
        """The sections of `params.yaml` among the params of a stage."""
        return {param for param in self.stages[stage]["params"] if isinstance(param, str)}

    def sections_read(self, stage: str) -> set[str]:
        """The sections that the entrypoint reads: the fields of its class derived from `Section`."""
        return set(_fields((self.root / f"stages/{stage}.py").read_text(encoding="utf-8")))


def lies_in(file: str, dep: str) -> bool:
    """Whether `file` is the file `dep`, or lies in the folder `dep`."""
    return file == dep or file.startswith(f"{dep}/")


def _fields(source: str) -> Iterator[str]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Section" for base in node.bases):
            for statement in node.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    yield statement.target.id
