"""Repositories for tests: this project's code with toy rows and a toy base, or stub stages without a model.

Each has a bare `origin.git` and a default DVC remote `remote` in the same folder.
"""

import json
import shutil
import subprocess
from pathlib import Path

from tests.pipeline.gitops.repository import ROOT, Repository
from tests.toys.text import LABELS, toy_base, toy_rows

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

probe: {}

package:
  name: toy
  description: Tells cold from hot from wet.
  intended_use: Tests.
  limits: [Toys only.]
  language: [en]
  data_license: cc0-1.0
  gates:
    - {metric: evaluate.test.accuracy, at_least: 0.1}
    - {metric: evaluate.gain.test.accuracy, at_least: -1}  # a few steps from random weights beat nothing
"""


def new_repository(folder: Path) -> Repository:
    """The code of this project with the toy declaration, committed on `main`; nothing built."""
    root = folder / "repository"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if not name.startswith(LEFT_OUT) and (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    toy_base(root / "data/base")
    write_toy_rows(root / "data/toy")
    (root / "params.yaml").write_text(PARAMS)
    return _publish(Repository(root), folder)


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

STUB_DVC_YAML = """\
stages:
  check:
    cmd: python stages/stub.py check
    deps: [stages/stub.py]
    params: [{params.yaml: }]
    outs: [artifacts/check]
  prepare:
    cmd: python stages/stub.py prepare
    deps: [stages/stub.py, artifacts/check, data/toy/rows.jsonl]
    params: [task, prepare]
    outs: [artifacts/prepare]
    metrics: [{reports/prepare/metrics.json: {cache: false}}]
  finetune:
    cmd: python stages/stub.py finetune
    deps: [stages/stub.py, artifacts/prepare]
    params: [finetune]
    outs: [artifacts/finetune]
  evaluate:
    cmd: python stages/stub.py evaluate
    deps: [stages/stub.py, artifacts/prepare, artifacts/finetune]
    outs: [artifacts/evaluate]
    metrics: [{reports/evaluate/metrics.json: {cache: false}}]
    plots: [{reports/evaluate/plots: {cache: false}}]
  calibrate:
    cmd: python stages/stub.py calibrate
    deps: [stages/stub.py, stages/calibrate, artifacts/evaluate]
    params: [calibrate]
    outs: [artifacts/calibrate]
    metrics: [{reports/calibrate/metrics.json: {cache: false}}]
  package:
    cmd: python stages/stub.py package
    deps: [stages/stub.py, artifacts/finetune, artifacts/calibrate, reports/evaluate/metrics.json]
    params: [package]
    outs: [artifacts/teacher]
    metrics: [{reports/package/metrics.json: {cache: false}}]
artifacts:
  teacher: {path: artifacts/teacher, type: model}
"""


def new_stub_repository(folder: Path) -> Repository:
    """A repository whose stages take a second and need no model, committed on `main`; nothing built."""
    root = folder / "repository"
    (root / ".dvc").mkdir(parents=True)
    (root / "stages/calibrate").mkdir(parents=True)
    for name in (
        ".gitignore",
        ".gitattributes",
        ".dvcignore",
        ".dvc/config",
        ".dvc/.gitignore",
        "requirements.txt",
    ):
        shutil.copy(ROOT / name, root / name)
    shutil.copy(ROOT / "tests/pipeline/gitops/stub_stages.py", root / "stages/stub.py")
    write_toy_rows(root / "data/toy", rows=400)
    (root / "params.yaml").write_text(STUB_PARAMS)
    (root / "dvc.yaml").write_text(STUB_DVC_YAML)
    (root / "stages/calibrate/method.py").write_text("METHOD = 'temperature'\n")
    return _publish(Repository(root), folder)


def _publish(repository: Repository, folder: Path) -> Repository:
    """Commit everything on `main`, with a bare `origin` and a default DVC remote in the same folder."""
    repository.git("init", "--quiet", "--initial-branch", "main")
    config = repository.root / ".dvc/config"
    remote = f"    remote = local\n['remote \"local\"']\n    url = {folder / 'remote'}\n"
    config.write_text(config.read_text() + remote)
    repository.commit("The toy teacher")
    repository.git("init", "--quiet", "--bare", "--initial-branch", "main", str(folder / "origin.git"))
    repository.git("remote", "add", "origin", str(folder / "origin.git"))
    repository.git("push", "--quiet", "origin", "main")
    return repository


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
