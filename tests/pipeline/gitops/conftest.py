"""One built road a session, with a pull request against it; a test that writes works in a copy of its own."""

import json
import shutil
from pathlib import Path

import pytest

from tests.pipeline.gitops.sandbox import Sandbox, new_stub_repository


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `repository`, its bare `origin.git` and the DVC remote `remote`.

    `main` and the branch `pr` are built, committed and pushed with their caches; `main` is checked out.
    """
    folder = tmp_path_factory.mktemp("gitops")
    sandbox = new_stub_repository(folder)
    sandbox.dvc("repro", "--quiet")
    sandbox.commit("Build the teacher")
    sandbox.git("switch", "--quiet", "--create", "pr")
    edit_teacher(sandbox)
    sandbox.dvc("repro", "--quiet")
    sandbox.commit("A better teacher, | `looser` <b>promises</b>")
    sandbox.git("switch", "--quiet", "main")
    sandbox.dvc("checkout", "--quiet")
    sandbox.dvc("push", "--quiet", "--run-cache", "--all-branches")
    sandbox.git("push", "--quiet", "origin", "main", "pr")
    return folder


def edit_teacher(sandbox: Sandbox) -> None:
    """What the pull request edits: params, a gate, a pin, code; a row added, removed, edited, relabelled."""
    sandbox.edit("stages/calibrate/method.py", "'temperature'", "'temperature'  # the plain one")
    sandbox.edit("params.yaml", "skill: 0.6", "skill: 0.9")
    sandbox.edit("params.yaml", "at_least: 0.5", "at_least: 0.4")
    sandbox.edit("requirements.txt", "numpy==", "numpy==99.")
    path = sandbox.root / "data/toy/rows.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    removed = rows.pop(0)
    rows[0]["text"] += " again here"
    rows[1]["label"] = {"cold": "hot", "hot": "wet", "wet": "cold"}[rows[1]["label"]]
    rows.append({**removed, "id": "rows-new", "text": "@everyone `ice` | <b>snow</b>"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def repository(built: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The built repository itself, as the current folder; for tests that only read."""
    monkeypatch.chdir(built / "repository")
    return Sandbox(built / "repository")


@pytest.fixture
def sandbox(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A working copy of the built road with its own origin and remote, as the current folder."""
    folder = tmp_path / "gitops"
    shutil.copytree(built, folder, symlinks=True)
    copy = Sandbox(folder / "repository")
    copy.git("remote", "set-url", "origin", str(folder / "origin.git"))
    copy.dvc("remote", "modify", "--local", "local", "url", str(folder / "remote"))
    monkeypatch.chdir(copy.root)
    return copy
