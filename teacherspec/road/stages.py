"""What `dvc.yaml` declares of each stage's code and params, and what is true."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from teacherspec.errors import UserError
from teacherspec.road.closure import PACKAGES
from teacherspec.road.links import CHOSEN_KIND, CODE, real_code

ROAD = Path("dvc.yaml")


@dataclass(frozen=True)
class Stage:
    """A stage as `dvc.yaml` declares it."""

    name: str
    door: str
    """File that the command runs."""
    code: frozenset[str]
    """The folders of links among its deps, and single files of the project's packages."""
    sections: frozenset[str]
    """Keys of `params.yaml` among its params."""


@dataclass(frozen=True)
class Difference:
    """What the deps of a stage lack and what they have too much."""

    stage: str
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{ROAD}: stages.{self.stage}.deps:"]
        lines += [f"  add     - {dep}" for dep in self.missing]
        lines += [f"  remove  - {dep}" for dep in self.extra]
        return "\n".join(lines)


def read_stages(root: Path) -> list[Stage]:
    """The stages of `dvc.yaml`, in its order.

    Raises:
        UserError: no `dvc.yaml`, or a stage that runs no `python -m stages.…` or lists no deps.
    """
    if not (root / ROAD).is_file():
        raise UserError(f"{ROAD}: no such file")
    declared = YAML(typ="safe", pure=True).load((root / ROAD).read_text(encoding="utf-8"))
    return [_stage(name, stage) for name, stage in declared["stages"].items()]


def _stage(name: str, declared: dict[str, Any]) -> Stage:
    door = re.search(r"-m (stages\.\w+)", str(declared["cmd"]))
    if door is None:
        raise UserError(f"{ROAD}: stages.{name}.cmd: runs no door (expected python -m stages.…)")
    code = frozenset(dep for dep in declared.get("deps", ()) if Path(dep).parts[0] in (str(CODE), *PACKAGES))
    return Stage(
        name, door[1].replace(".", "/") + ".py", code, frozenset(_params(declared.get("params", [])))
    )


def _params(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        else:
            yield from entry.get("params.yaml") or ()


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
    """Every stage that does not depend on exactly the folders of links to its code."""
    found = []
    for stage in read_stages(root):
        real = {(CODE / Path(stage.door).stem).as_posix(), *({CHOSEN_KIND} & real_code(root, stage.door))}
        if real != stage.code:
            missing, extra = tuple(sorted(real - stage.code)), tuple(sorted(stage.code - real))
            found.append(Difference(stage.name, missing, extra))
    return found
