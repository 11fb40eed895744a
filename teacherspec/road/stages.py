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
KINDS = Path("kinds")
"""One folder a kind of task, of links to the code that only teachers of this kind can run.

DVC follows links and can name a folder by `task.kind`, but cannot list other files for another kind."""

CHOSEN_KIND = "kinds/${task.kind}"
"""How `dvc.yaml` names the code of the one kind of task that a teacher uses."""

EXEMPT = frozenset(
    {
        ("teacherspec/door.py", "teacherspec/spec.py"),
        ("teacherspec/door.py", "teacherspec/receipts/recording.py"),
        ("teacherspec/door.py", "teacherspec/receipts/hardware.py"),
        ("teacherspec/door.py", "teacherspec/launch.py"),
    }
)
"""The whole-file check and the receipts can refuse a run, and the launcher starts the same program more than
once, no more: no result depends on their code."""


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
    return dep == CHOSEN_KIND or dep.startswith(tuple(f"{package}/" for package in PACKAGES))


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
    """The code that running `door` can run; what a kind of task brings is `kinds/${task.kind}`."""
    return _real_code(Project(root, exempt=EXEMPT), door)


def _real_code(project: Project, door: str) -> frozenset[str]:
    kinds = frozenset(kinds_of_task(project.root).values())
    common = project.closure(door, without=kinds)
    reached = any(kinds.intersection(project.imports(file)) for file in common)
    return common | {CHOSEN_KIND} if reached else common


def doors(root: Path) -> list[str]:
    """The files of the doors, sorted."""
    return [f"stages/{door.name}" for door in sorted((root / "stages").glob("[a-z]*.py"))]


def kinds_of_task(root: Path) -> dict[str, str]:
    """Kind of task → the file that defines it: `kind: Literal["<its stem>"]`."""
    files = sorted((root / "teacherspec/tasks").glob("[a-z]*.py"))
    return {
        file.stem: file.relative_to(root).as_posix()
        for file in files
        if f'kind: Literal["{file.stem}"]' in file.read_text(encoding="utf-8")
    }


def kind_links(root: Path) -> dict[str, str]:
    """Links below `kinds/` that must be: path from the root → the file it leads to.

    Left out is what every door that reaches a kind names in `dvc.yaml` itself.
    """
    project = Project(root, exempt=EXEMPT)
    kinds = kinds_of_task(root)
    everywhere = [code for door in doors(root) if CHOSEN_KIND in (code := _real_code(project, door))]
    common = frozenset.intersection(*everywhere) if everywhere else frozenset()
    others = {kind: frozenset(kinds.values()) - {file} for kind, file in kinds.items()}
    return {
        (KINDS / kind / file.replace("/", ".").removesuffix(".py")).as_posix(): file
        for kind, entry in kinds.items()
        for file in sorted(project.closure(entry, without=others[kind]) - common)
    }


def wrong_links(root: Path) -> list[str]:
    """Problems with the links below `kinds/`, one a link; empty when all is right."""
    wanted, found = kind_links(root), _found_links(root)
    missing = [
        f"{link}: must be a link to {file}" for link, file in wanted.items() if found.get(link) != file
    ]
    return missing + [
        f"{link}: leads to code that this kind does not run" for link in found.keys() - wanted.keys()
    ]


def write_links(root: Path) -> None:
    """Make the links below `kinds/` right."""
    wanted, found = kind_links(root), _found_links(root)
    for link in found.keys() - wanted.keys():
        (root / link).unlink()
    for link, file in wanted.items():
        if found.get(link) != file:
            (root / link).unlink(missing_ok=True)
            (root / link).parent.mkdir(parents=True, exist_ok=True)
            (root / link).symlink_to(Path("../..") / file)


def _found_links(root: Path) -> dict[str, str]:
    """Everything below `kinds/`: path from the root → what it leads to, empty where it is no link."""
    files = [path for path in (root / KINDS).glob("*/*") if path.is_symlink() or not path.is_dir()]
    return {
        path.relative_to(root).as_posix(): path.readlink().as_posix().removeprefix("../../")
        if path.is_symlink()
        else ""
        for path in files
    }


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
