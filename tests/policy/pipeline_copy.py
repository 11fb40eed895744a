"""A copy of the pipeline in which everything is up to date, to ask DVC what an edit makes stale."""

import json
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages.check import VALID
from teacherspec.run_records.dvc_yaml import declared_stages

ROOT = Path(__file__).parents[2]
COPIED = ("stages/", "teacherspec/", ".dvc", "pyproject.toml", "params.yaml", "dvc.yaml")


class PipelineCopy:
    """The pipeline in another folder, with a stub at every path that it names and git does not hold."""

    def __init__(self, root: Path) -> None:
        from dvc.repo import Repo

        self.root = root
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in listed.stdout.splitlines():
            if name.startswith(COPIED) and (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, root / name)
        write_stubs(root)
        subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
        with chdir(root):
            self.repo = Repo()
        self.commit()

    def commit(self) -> None:
        """Let the lock say that everything is up to date as it is now."""
        with chdir(self.root):
            self.repo._reset()
            self.repo.commit(force=True)

    def stale(self) -> tuple[str, ...]:
        """The stages that DVC finds changed now, in the order of the pipeline."""
        with chdir(self.root):
            self.repo._reset()
            found = self.repo.status()
        return tuple(name for name in declared_stages(ROOT) if name in found)

    @contextmanager
    def edited(self, name: str, text: str) -> Iterator[None]:
        """The file `name` with another text, which is then taken back."""
        path = self.root / name
        before = path.read_bytes()
        path.write_text(text)
        try:
            yield
        finally:
            path.write_bytes(before)

    def after_comment(self, name: str) -> tuple[str, ...]:
        """What a comment at the end of a file of code makes stale."""
        with self.edited(name, (self.root / name).read_text() + "\n# a comment\n"):
            return self.stale()

    def after_param(self, key: str, value: Any) -> tuple[str, ...]:
        """What another value of a dotted key of `params.yaml` makes stale."""
        params = YAML(typ="safe", pure=True).load((self.root / "params.yaml").read_text())
        *parents, last = key.split(".")
        place = params
        for name in parents:
            place = place[name]
        place[last] = value
        with self.edited("params.yaml", json.dumps(params)):
            return self.stale()

    def after_version(self, group: str) -> tuple[str, ...]:
        """What another version of the first library of a group of `pyproject.toml` makes stale."""
        groups = tomllib.loads((self.root / "pyproject.toml").read_text())["dependency-groups"]
        first, *rest = groups[group]
        changed = {**groups, group: [f"{first}.post1", *rest]}
        with self.edited("pyproject.toml", f"[dependency-groups]\n{as_toml(changed)}"):
            return self.stale()


def as_toml(groups: Mapping[str, list[str]]) -> str:
    """Lists of texts by name, as TOML."""
    return "".join(f"{json.dumps(name)} = {json.dumps(pins)}\n" for name, pins in groups.items())


def write_stubs(root: Path) -> None:
    """Something at every path that the pipeline names and that is not there."""
    with chdir(root):
        checked = Path("artifacts/check/valid.txt")
        checked.parent.mkdir(parents=True)
        checked.write_text(VALID)
        for stage in declared_stages().values():
            for name in (*stage.deps, *stage.outs):
                path = root / name
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    if path.suffix:
                        path.write_text(f"stub {name}")
                    else:
                        path.mkdir()
                        (path / "stub").write_text(f"stub {name}")
