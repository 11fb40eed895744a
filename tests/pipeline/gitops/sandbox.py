"""A repository of its own: this project's code and road, toy rows, a toy base and a remote in a folder."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.toys.text import LABELS, toy_base, toy_rows

ROOT = Path(__file__).parents[3]

LEFT_OUT = (
    "dvc.lock",
    "reports/",
    "data/helpdesk/",
    "tests/",
    "benchmarks/",
    "examples/",
    "docs/",
    "CHANGELOG.md",
)

PARAMS = """\
# The toy teacher.
task:
  kind: text_classification
  max_length: 16  # tokens

prepare:
  seed: 0
  data: data/toy
  sources:
    - {kind: jsonl, path: data/toy/rows.jsonl}
    - {kind: jsonl, path: data/toy/shifted.jsonl, split: shifted, role: shifted}
    - {kind: jsonl, path: data/toy/out_of_scope.jsonl, split: out_of_scope, role: ood}
  fractions: {train: 0.4, validation: 0.2, calibration: 0.2, test: 0.2}

base:
  source: {kind: path, folder: data/base}
  license: cc0-1.0

finetune:
  seed: 0
  epochs: 1
  batch_size: 16  # examples per optimizer step
  learning_rate: 1.0e-3

evaluate:
  batch_size: 64
  latency_examples: 10

calibrate:
  method: {kind: temperature}

package:
  name: toy
  description: Tells cold from hot from wet.
  intended_use: Tests.
  limits: [Toys only.]
  language: [en]
  data_license: cc0-1.0
  gates:
    - {metric: evaluate.test.accuracy, at_least: 0.1}
"""

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "GITHUB_"))},
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": str(ROOT),
}  # fmt: skip


@dataclass(frozen=True)
class Sandbox:
    """A working tree and how to run commands in it."""

    root: Path

    def run(
        self, *command: str, code: int | None = 0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the root; `code` is the expected exit status, None any."""
        found = subprocess.run(
            command, cwd=self.root, capture_output=True, text=True, env={**ENVIRONMENT, **environment}
        )
        if code is not None:
            assert found.returncode == code, f"{command}: {found.returncode}\n{found.stdout}\n{found.stderr}"
        return found

    def git(self, *arguments: str, code: int | None = 0) -> str:
        return self.run("git", *arguments, code=code).stdout.strip()

    def dvc(self, *arguments: str, code: int | None = 0) -> str:
        return self.run("dvc", *arguments, code=code).stdout

    def teacherspec(self, *arguments: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "teacherspec", *arguments, code=code)

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.root / file).read_text()
        assert old in text, f"{file} holds no {old!r}"
        (self.root / file).write_text(text.replace(old, new, 1))

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")


def new_repository(folder: Path) -> Sandbox:
    """The code of this project with the toy declaration, committed on `main`; nothing built.

    Beside it lie `origin.git`, a bare remote that is pushed to, and `remote`, the default DVC remote.
    """
    root = folder / "repository"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if not name.startswith(LEFT_OUT) and (ROOT / name).is_file():  # links, too: DVC follows them
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name, follow_symlinks=False)
    toy_base(root / "data/base")
    write_toy_rows(root / "data/toy")
    (root / "params.yaml").write_text(PARAMS)
    return _published(Sandbox(root), folder)


STUB_PARAMS = """\
task:
  kind: text_classification
prepare:
  seed: 0
finetune:
  skill: 0.6  # share of rows it gets right
calibrate:
  temperature: 0.8
package:
  gates:
    - {metric: evaluate.test.accuracy, at_least: 0.5}
"""

STUB_ROAD = """\
stages:
  prepare:
    cmd: python road.py prepare
    deps: [road.py, data/toy/rows.jsonl]
    params: [task, prepare]
    outs: [artifacts/prepare]
    metrics: [{reports/prepare/metrics.json: {cache: false}}]
  finetune:
    cmd: python road.py finetune
    deps: [road.py, artifacts/prepare]
    params: [finetune]
    outs: [artifacts/finetune]
  evaluate:
    cmd: python road.py evaluate
    deps: [road.py, artifacts/prepare, artifacts/finetune]
    outs: [artifacts/evaluate]
    metrics: [{reports/evaluate/metrics.json: {cache: false}}]
  calibrate:
    cmd: python road.py calibrate
    deps: [road.py, stages/calibrate, artifacts/evaluate]
    params: [calibrate]
    outs: [artifacts/calibrate]
    metrics: [{reports/calibrate/metrics.json: {cache: false}}]
  package:
    cmd: python road.py package
    deps: [road.py, artifacts/finetune, artifacts/calibrate, reports/evaluate/metrics.json]
    params: [package]
    outs: [artifacts/teacher]
    metrics: [{reports/package/metrics.json: {cache: false}}]
artifacts:
  teacher: {path: artifacts/teacher, type: model}
"""


def new_stub_repository(folder: Path) -> Sandbox:
    """A repository whose stages take a second and need no model, committed on `main`; nothing built."""
    root = folder / "repository"
    (root / ".dvc").mkdir(parents=True)
    for name in (
        ".gitignore",
        ".gitattributes",
        ".dvcignore",
        ".dvc/config",
        ".dvc/.gitignore",
        "requirements.txt",
    ):
        shutil.copy(ROOT / name, root / name)
    shutil.copy(ROOT / "tests/pipeline/gitops/stub_stages.py", root / "road.py")
    write_toy_rows(root / "data/toy", rows=400)
    (root / "params.yaml").write_text(STUB_PARAMS)
    (root / "dvc.yaml").write_text(STUB_ROAD)
    (root / "stages/calibrate").mkdir(parents=True)
    (root / "stages/calibrate/method.py").write_text("METHOD = 'temperature'\n")
    return _published(Sandbox(root), folder)


def _published(sandbox: Sandbox, folder: Path) -> Sandbox:
    """Commit everything on `main`, with a bare `origin` and a default DVC remote beside the repository."""
    sandbox.git("init", "--quiet", "--initial-branch", "main")
    config = sandbox.root / ".dvc/config"
    remote = f"    remote = local\n['remote \"local\"']\n    url = {folder / 'remote'}\n"
    config.write_text(config.read_text() + remote)
    sandbox.commit("The toy teacher")
    sandbox.git("init", "--quiet", "--bare", "--initial-branch", "main", str(folder / "origin.git"))
    sandbox.git("remote", "add", "origin", str(folder / "origin.git"))
    sandbox.git("push", "--quiet", "origin", "main")
    return sandbox


def write_toy_rows(folder: Path, rows: int = 240) -> None:
    """The three files of rows that the toy declaration names."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, count) in enumerate({"rows": rows, "shifted": 24, "out_of_scope": 24}.items()):
        texts, labels = toy_rows(count * 2, seed)
        distinct = dict(zip(texts, labels, strict=True))
        rows = [
            {"id": f"{name}-{i:04d}", "text": text, "label": LABELS[label]}
            for i, (text, label) in enumerate(list(distinct.items())[:count])
        ]
        if name == "out_of_scope":
            rows = [{key: value for key, value in row.items() if key != "label"} for row in rows]
        lines = [json.dumps(row) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def clone(origin: Path, folder: Path, *arguments: str) -> Sandbox:
    """A fresh clone of a bare repository, with nothing in its DVC cache."""
    subprocess.run(
        ["git", "clone", "--quiet", *arguments, str(origin), str(folder)], check=True, env=ENVIRONMENT
    )
    return Sandbox(folder)


def lend_environment(root: Path) -> None:
    """Give a clone the `.venv` that `make` would set up, as links into the one that runs the tests."""
    (root / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        (root / ".venv" / part.name).symlink_to(part)
    for stamp in ("python", "pipeline", "dev"):
        (root / ".venv" / stamp).unlink(missing_ok=True)
        (root / ".venv" / stamp).touch()
