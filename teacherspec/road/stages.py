"""What `dvc.yaml` declares of each stage's code and params, what is true, and how to mend it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from teacherspec.errors import UserError
from teacherspec.road.closure import PACKAGES, Project

ROAD = Path("dvc.yaml")
CHOSEN_TASK = "teacherspec/tasks/${task.kind}.py"
"""How `dvc.yaml` names the one kind of task that a teacher uses."""

EXEMPT = frozenset({("teacherspec/door.py", "teacherspec/spec.py")})
"""The whole-file check can refuse a declaration and nothing else, so no result depends on its code."""


@dataclass(frozen=True)
class Stage:
    """A stage as `dvc.yaml` declares it."""

    name: str
    door: str
    """File that the command runs."""
    deps: CommentedSeq
    sections: frozenset[str]
    """Keys of `params.yaml` among its params."""

    @property
    def code(self) -> frozenset[str]:
        """The files of the project's packages among its deps."""
        return frozenset(dep for dep in self.deps if is_code(dep))


@dataclass(frozen=True)
class Difference:
    """What the deps of a stage lack and what they have too much."""

    stage: str
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"dvc.yaml: stages.{self.stage}.deps:"]
        lines += [f"  add     - {dep}" for dep in self.missing]
        lines += [f"  remove  - {dep}" for dep in self.extra]
        return "\n".join(lines)


def is_code(dep: str) -> bool:
    """Whether a dependency is code rather than data."""
    return dep.startswith(tuple(f"{package}/" for package in PACKAGES))


def read_stages(root: Path) -> list[Stage]:
    """The stages of `dvc.yaml`, in its order.

    Raises:
        UserError: no `dvc.yaml`, or a stage that runs no `python -m stages.…` or lists no deps.
    """
    if not (root / ROAD).is_file():
        raise UserError(f"{ROAD}: no such file")
    stages: CommentedMap = YAML().load((root / ROAD).read_text(encoding="utf-8"))["stages"]
    return [_stage(name, stage) for name, stage in stages.items()]


def _stage(name: str, declared: CommentedMap) -> Stage:
    door = re.search(r"-m (stages\.\w+)", str(declared["cmd"]))
    if door is None:
        raise UserError(f"{ROAD}: stages.{name}.cmd: runs no door (expected python -m stages.…)")
    deps = declared.get("deps")
    if not deps or deps.fa.flow_style():
        raise UserError(f"{ROAD}: stages.{name}.deps: expected a list with one dependency a line")
    params = frozenset(_params(declared.get("params", [])))
    return Stage(name, door[1].replace(".", "/") + ".py", deps, params)


def _params(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        else:
            yield from entry.get("params.yaml") or ()


def real_code(root: Path, door: str) -> frozenset[str]:
    """The code that running `door` can run, the kinds of task written as `${task.kind}`.

    What any kind imports counts for every kind: `dvc.yaml` cannot list files by kind, but an edit of
    another kind's own file leaves a teacher up to date.
    """
    return _real_code(Project(root, exempt=EXEMPT), door)


def _real_code(project: Project, door: str) -> frozenset[str]:
    files = project.closure(door)
    return frozenset(CHOSEN_TASK if is_kind_of_task(project.root, file) else file for file in files)


def is_kind_of_task(root: Path, file: str) -> bool:
    """Whether `file` defines the kind of task that bears its name: `kind: Literal["<stem>"]`."""
    if not file.startswith("teacherspec/tasks/"):
        return False
    return f'kind: Literal["{Path(file).stem}"]' in (root / file).read_text(encoding="utf-8")


def sections_read(root: Path, door: str) -> frozenset[str]:
    """The sections of `params.yaml` that `door` reads: the fields of its classes derived from `Section`."""
    tree = ast.parse((root / door).read_text(encoding="utf-8"), filename=door)
    return frozenset(
        field.target.id
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Section" for base in node.bases)
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    )


def differences(root: Path) -> list[Difference]:
    """Every stage whose declared code is not its real code."""
    found = []
    project = Project(root, exempt=EXEMPT)
    for stage in read_stages(root):
        real = _real_code(project, stage.door)
        if real != stage.code:
            missing, extra = tuple(sorted(real - stage.code)), tuple(sorted(stage.code - real))
            found.append(Difference(stage.name, missing, extra))
    return found


def mended(root: Path) -> str:
    """`dvc.yaml` with the code deps put right; every other byte, comments too, stays as it is."""
    lines = (root / ROAD).read_text(encoding="utf-8").splitlines(keepends=True)
    wrong = {difference.stage: difference for difference in differences(root)}
    # From the end, so that the line numbers of earlier stages stay true.
    for stage in reversed(read_stages(root)):
        if difference := wrong.get(stage.name):
            _mend(lines, stage, difference)
    return "".join(lines)


def _mend(lines: list[str], stage: Stage, difference: Difference) -> None:
    places = [stage.deps.lc.item(index) for index in range(len(stage.deps))]
    indent = lines[places[0][0]][: places[0][1]]
    kept = [
        (dep, line) for dep, (line, _) in zip(stage.deps, places, strict=True) if dep not in difference.extra
    ]
    # A new line goes before the first code dep that sorts after it, or after the last dep.
    edits: list[tuple[int, str]] = []
    for dep in difference.missing:
        later = [line for other, line in kept if is_code(other) and other > dep]
        edits.append((min(later, default=places[-1][0] + 1), f"{indent}{dep}\n"))
    removed = {line for dep, (line, _) in zip(stage.deps, places, strict=True) if dep in difference.extra}
    for line in range(places[-1][0] + 1, places[0][0] - 1, -1):
        if line in removed:
            del lines[line]
        lines[line:line] = [text for at, text in edits if at == line]
