"""A built pipeline with a pull request against it; a test that writes works in its own copy."""

import json
import shutil
from pathlib import Path

import pytest

from tests.pipeline.gitops.repository import Repository
from tests.pipeline.gitops.toy_repositories import new_stub_repository


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `repository`, its bare `origin.git` and the DVC remote `remote`.

    `main` and the branch `pr` are built, committed and pushed with their caches; `main` is checked out.
    """
    folder = tmp_path_factory.mktemp("gitops")
    repository = new_stub_repository(folder)
    repository.dvc("repro", "--quiet")
    repository.commit("Build the teacher")
    repository.git("switch", "--quiet", "--create", "pr")
    edit_teacher(repository)
    repository.dvc("repro", "--quiet")
    repository.commit("A better teacher, | `looser` <b>gates</b>")
    repository.git("switch", "--quiet", "main")
    repository.dvc("checkout", "--quiet")
    repository.dvc("push", "--quiet", "--run-cache", "--all-branches")
    repository.git("push", "--quiet", "origin", "main", "pr")
    return folder


def edit_teacher(repository: Repository) -> None:
    """The pull request: params, a gate, a pin, code; a row added, removed, edited, relabelled."""
    repository.edit("stages/calibrate/method.py", "'temperature'", "'temperature'  # the plain one")
    repository.edit("params.yaml", "skill: 0.6", "skill: 0.9")
    repository.edit("params.yaml", "at_least: 0.5", "at_least: 0.4")
    repository.edit("requirements.txt", "numpy==", "numpy==99.")
    path = repository.root / "data/toy/rows.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    removed = rows.pop(0)
    rows[0]["text"] += " again here"
    rows[1]["label"] = {"cold": "hot", "hot": "wet", "wet": "cold"}[rows[1]["label"]]
    rows.append({**removed, "id": "rows-new", "text": "@everyone `ice` | <b>snow</b>"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def shared_repository(built: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The built repository itself, as the current folder; for tests that only read."""
    monkeypatch.chdir(built / "repository")
    return Repository(built / "repository")


@pytest.fixture
def repository(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A copy of the built repository with its own origin and remote, as the current folder."""
    folder = tmp_path / "gitops"
    shutil.copytree(built, folder, symlinks=True)
    copy = Repository(folder / "repository")
    copy.git("remote", "set-url", "origin", str(folder / "origin.git"))
    copy.dvc("remote", "modify", "--local", "local", "url", str(folder / "remote"))
    monkeypatch.chdir(copy.root)
    return copy
