"""What each edit makes stale: every leaf of the declaration, every source file, every pinned library.

    python -m tests.policy.staleness_cases            # ask DVC about every row of mutations.tsv; minutes
    python -m tests.policy.staleness_cases --write    # write the table anew; review the diff

The table is derived from the source (what doors read, what code imports, which library a file imports) and
never from `dvc.yaml`; DVC answers from `dvc.yaml` alone. They agree only if every declaration is true.
"""

import ast
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import chdir
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, NamedTuple

import click
from ruamel.yaml import YAML

from teacherspec.road.links import CHOSEN_KIND, code_links, real_code
from teacherspec.road.stages import sections_read
from teacherspec.run_records.dvc_yaml import read_road

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("mutations.tsv")
KIND = "text_classification"
ROLES = {"param", "file", "library"}


class Mutation(NamedTuple):
    """One edit and the stages that it makes stale."""

    role: str
    name: str
    stages: tuple[str, ...]

    def __str__(self) -> str:
        return "\t".join((self.role, self.name, " ".join(self.stages) or "-"))


@cache
def stages_in_order() -> list[str]:
    return list(read_road(ROOT))


def expected() -> list[Mutation]:
    """Every edit, from the source alone."""
    doors = {name: f"stages/{name}.py" for name in stages_in_order()}
    sections = {name: sections_read(ROOT, door) for name, door in doors.items()}
    code = {name: code_of(door) for name, door in doors.items()}
    imports = {name: set().union(*map(libraries, files)) for name, files in code.items()}
    kinds = {name for name, door in doors.items() if CHOSEN_KIND in real_code(ROOT, door)}

    def reads(name: str, leaf: str) -> bool:
        return leaf.partition(".")[0] in sections[name] or (leaf == "task.kind" and name in kinds)

    rows = [Mutation("param", leaf, stages(lambda name, leaf=leaf: reads(name, leaf))) for leaf in leaves()]
    rows += [
        Mutation("file", file, stages(lambda name, file=file: file in code[name])) for file in source_files()
    ]
    return rows + [
        Mutation(
            "library",
            library,
            stages(lambda name, library=library: library in declared_by(name, imports[name])),
        )
        for library in pinned()
    ]


def stages(stale: Any) -> tuple[str, ...]:
    return tuple(name for name in stages_in_order() if stale(name))


@cache
def links() -> dict[str, str]:
    return code_links(ROOT)


def code_of(door: str) -> frozenset[str]:
    """The files that `door` can run for a teacher of the default kind, exempt ones left out."""
    code = real_code(ROOT, door)
    if CHOSEN_KIND not in code:
        return code
    linked = {file for link, file in links().items() if link.startswith(f"code/{KIND}/")}
    return code - {CHOSEN_KIND} | linked


distributions = cache(packages_distributions)


@cache
def libraries(file: str) -> frozenset[str]:
    """Distributions that `file` imports, wherever in it, but for the eyes of a type checker."""
    if not file.endswith(".py"):
        return frozenset({"jinja2"} if file.endswith(".j2") else ())
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse((ROOT / file).read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    known = distributions()
    absent = {distribution(pin) for pin in groups()["qlora"]}  # not where only the road is installed
    names = {name for module in found for name in known.get(module, (module,) if module in absent else ())}
    return frozenset(name.lower().replace("_", "-") for name in names)


@cache
def groups() -> dict[str, list[str]]:
    found: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    return found


def distribution(pin: str) -> str:
    return pin.partition("==")[0].partition("[")[0].lower().replace("_", "-")


def pinned() -> list[str]:
    """`group/library` of every pin."""
    return sorted(f"{group}/{distribution(pin)}" for group, pins in groups().items() for pin in pins)


CHANGES_NO_RESULT = {"road", "dev"}
"""Groups whose libraries read, run and check the road; no stage computes with them."""


WITHOUT_EFFECT = {
    ("prepare", "model"),  # imported in functions of the kinds of task that this stage never calls
    ("base", "reports"),  # huggingface_hub fetches what is then checked by hash
    ("finetune", "reports"),
    ("ratings", "language"),  # they check the section of `evaluate`, and measure no text
    ("package", "language"),
    ("ratings", "model"),  # as for `prepare`
    ("ratings", "reports"),
}
"""Stage and group that its code imports, of which no result can depend."""

FOR_OTHER_KINDS = {("evaluate", "language")}
"""Stage and group that only other kinds of task import: the groups of a stage are listed for all kinds."""


def declared_by(stage: str, imported: set[str]) -> set[str]:
    """Every pin of each group of which the stage imports a library: a stage declares whole groups."""
    found = set()
    for group, pins in groups().items():
        names = {distribution(pin) for pin in pins}
        used = names & imported and (stage, group) not in WITHOUT_EFFECT
        if group not in CHANGES_NO_RESULT and (used or (stage, group) in FOR_OTHER_KINDS):
            found |= {f"{group}/{name}" for name in names}
    return found


def source_files() -> list[str]:
    """Every file of the project's packages that git knows, empty ones left out."""
    listed = subprocess.run(
        ["git", "ls-files", "stages", "teacherspec"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = listed.stdout.splitlines()
    return sorted(file for file in files if (ROOT / file).is_file() and (ROOT / file).read_bytes().strip())


def leaves() -> list[str]:
    """Dotted name of every field of the declaration that is no section of its own, from its JSON Schema."""
    schema = json.loads((ROOT / "params.schema.json").read_text())
    return sorted(set(_leaves(schema, schema, "")))


def _leaves(schema: Mapping[str, Any], node: Mapping[str, Any], path: str) -> Iterator[str]:
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    kinds = [*node.get("anyOf", ()), *node.get("oneOf", ())]
    if "properties" not in node and not any("$ref" in kind for kind in kinds):
        yield path
    for name, field in node.get("properties", {}).items():
        yield from _leaves(schema, field, f"{path}.{name}" if path else name)
    for kind in kinds:
        if "$ref" in kind:
            yield from _leaves(schema, kind, path)


def read_table() -> list[Mutation]:
    rows = [line.split("\t") for line in TABLE.read_text().splitlines()[1:]]
    return [Mutation(role, name, () if found == "-" else tuple(found.split())) for role, name, found in rows]


class Asked:
    """A copy of the road whose lock says that all is up to date, and DVC to ask what an edit changes."""

    def __init__(self, root: Path) -> None:
        from dvc.repo import Repo

        self.root = root
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in listed.stdout.splitlines():
            if name.startswith(
                ("stages/", "teacherspec/", "code/", ".dvc", "pyproject", "params.yaml", "dvc.yaml")
            ):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / name).exists():
                    shutil.copy(ROOT / name, root / name, follow_symlinks=False)
        self.params = YAML(typ="safe", pure=True).load((root / "params.yaml").read_text())
        _write_stubs(root)
        subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
        with chdir(root):
            self.repo = Repo()
        self.commit()

    def commit(self) -> None:
        """Let the lock say that all is up to date as it is now."""
        with chdir(self.root):
            self.repo._reset()
            self.repo.commit(force=True)

    def stale(self) -> tuple[str, ...]:
        """The stages that DVC finds changed now, in the order of the road."""
        with chdir(self.root):
            self.repo._reset()
            found = self.repo.status()
        return tuple(name for name in read_road(ROOT) if name in found)

    def after(self, mutation: Mutation) -> tuple[str, ...]:
        """What DVC finds changed after this edit, which is then undone."""
        path, text = {"param": self._param, "file": self._file, "library": self._library}[mutation.role](
            mutation.name
        )
        before = path.read_bytes()
        path.write_text(text)
        try:
            return self.stale()
        finally:
            path.write_bytes(before)

    def _param(self, leaf: str) -> tuple[Path, str]:
        params = json.loads(json.dumps(self.params))
        *parents, last = leaf.split(".")
        place = params
        for name in parents:
            if not isinstance(place.get(name), dict):
                place[name] = {}
            place = place[name]
        # The kind of task chooses the files that DVC looks at: another one must be there.
        place[last] = KIND + "_2" if leaf == "task.kind" else "another"
        return self.root / "params.yaml", json.dumps(params)

    def _file(self, name: str) -> tuple[Path, str]:
        return self.root / name, (self.root / name).read_text() + "\n# a comment\n"

    def _library(self, name: str) -> tuple[Path, str]:
        path = self.root / "pyproject.toml"
        content = tomllib.loads(path.read_text())
        group, library = name.split("/")
        pins = content["dependency-groups"][group]
        changed = [pin + ".post1" if distribution(pin) == library else pin for pin in pins]
        return path, f"[dependency-groups]\n{_toml({**content['dependency-groups'], group: changed})}"


def _toml(groups: Mapping[str, list[str]]) -> str:
    return "".join(f"{json.dumps(name)} = {json.dumps(pins)}\n" for name, pins in groups.items())


def _write_stubs(root: Path) -> None:
    """Something at every path that the road names and git does not hold."""
    shutil.copytree(root / f"code/{KIND}", root / f"code/{KIND}_2", symlinks=True)
    (root / f"code/{KIND}_2/more").write_text("another kind")
    with chdir(root):
        for stage in read_road().values():
            for name in (*stage.deps, *stage.outs):
                path = root / name
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    if path.suffix:
                        path.write_text(f"stub {name}")
                    else:
                        path.mkdir()
                        (path / "stub").write_text(f"stub {name}")


@click.command()
@click.option("--write", is_flag=True, help="Write the table anew.")
def main(write: bool) -> None:
    """Compare what DVC finds stale with the table."""
    if write:
        lines = ["role\tname\tstale", *map(str, expected())]
        TABLE.write_text("\n".join(lines) + "\n")
        return
    with tempfile.TemporaryDirectory() as name:
        asked = Asked(Path(name))
        rows = read_table()
        wrong = [(row, found) for row in rows if (found := asked.after(row)) != row.stages]
    for row, found in wrong:
        print(f"{row.role} {row.name}: expected {row.stages}, DVC says {found}", file=sys.stderr)
    print(f"mutations tried {len(rows)}, correct {len(rows) - len(wrong)}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
