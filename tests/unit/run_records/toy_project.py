"""A git and DVC repository with a toy pipeline, and commands to run in it."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent

PARAMS = """\
prepare: {parts: 3, pause: 0.0}
train: {steps: 4, rate: 1.0e-3, pause: 0.0}
evaluate: {pause: 0.0}
package: {name: toy, pause: 0.0}
"""

DVC_YAML = """\
stages:
  check:
    cmd: python -m stages.toy check
    deps: [stages/toy.py]
    params: [{params.yaml: }]
    outs: [artifacts/check, artifacts/receipts/check.json, artifacts/receipts/check.sha256]
  prepare:
    cmd: python -m stages.toy prepare
    deps: [artifacts/check, data/rows.txt, stages/toy.py]
    params: [prepare, {pyproject.toml: [dependency-groups.data]}]
    outs: [artifacts/prepare, artifacts/receipts/prepare.json, artifacts/receipts/prepare.sha256]
  train:
    cmd: python -m stages.toy train
    deps: [artifacts/prepare, stages/toy.py]
    params: [train]
    outs: [artifacts/train, artifacts/receipts/train.json, artifacts/receipts/train.sha256]
  evaluate:
    cmd: python -m stages.toy evaluate
    deps: [artifacts/train, stages/toy.py]
    params: [evaluate]
    outs: [artifacts/evaluate, artifacts/receipts/evaluate.json, artifacts/receipts/evaluate.sha256]
    metrics: [{reports/evaluate/metrics.json: {cache: false}}]
  package:
    cmd: python -m stages.toy package
    deps: [artifacts/train, reports/evaluate/metrics.json, stages/toy.py, stages/texts]
    params: [package]
    outs: [artifacts/package, artifacts/receipts/package.json, artifacts/receipts/package.sha256]
"""
STAGES = ("check", "prepare", "train", "evaluate", "package")

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_"))},
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{f"GIT_{who}_{what}": "a@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def write_toy_repository(root: Path, params: str = PARAMS) -> Path:
    """The toy pipeline in `root`, committed; nothing built."""
    for folder in ("data", "stages/texts", ".dvc"):
        (root / folder).mkdir(parents=True)
    (root / "params.yaml").write_text(params)
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / "data/rows.txt").write_text("one two three four five six seven\n")
    (root / "pyproject.toml").write_text('[dependency-groups]\ndata = ["numpy==2.4.6"]\ndev = ["ruff==1"]\n')
    (root / "stages/__init__.py").write_text("")
    (root / "stages/texts/__init__.py").write_text("")
    (root / "stages/texts/greeting.py").write_text('GREETING = "hello"\n')
    shutil.copy(HERE / "toy_stage.py", root / "stages/toy.py")
    for name in (".gitignore", ".gitattributes", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        shutil.copy(ROOT / name, root / name)
    run(root, "git", "init", "--quiet", "--initial-branch", "main")
    commit(root, "The toy pipeline")
    return root


def run(
    root: Path, *command: str, code: int | None = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in `root`; `code` is the expected exit code, None any."""
    found = subprocess.run(
        command, cwd=root, capture_output=True, text=True, env={**ENVIRONMENT, **environment}
    )
    if code is not None:
        assert found.returncode == code, f"{command}: {found.returncode}\n{found.stdout}\n{found.stderr}"
    return found


def commit(root: Path, message: str) -> None:
    run(root, "git", "add", "--all")
    run(root, "git", "commit", "--quiet", "--message", message)


def edit(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))


def hashes(root: Path) -> dict[str, str]:
    """Digest of `dvc.lock` and of every file that a stage writes, except the environment of its run."""
    files = [root / "dvc.lock", *(root / "artifacts").rglob("*"), *(root / "reports").rglob("*")]
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(files)
        if file.is_file() and file.name != "run.json"
    }
