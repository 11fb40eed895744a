"""The toy pipeline, built once a session; a test that writes works in a copy."""

import shutil
from pathlib import Path

import pytest

from tests.unit.run_records.toy_project import commit, run, write_toy_repository


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_toy_repository(tmp_path_factory.mktemp("toy") / "repository")
    run(root, "dvc", "repro", "--quiet")
    commit(root, "Build")
    return root


@pytest.fixture
def toy(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the built repository, as the current folder."""
    root = tmp_path / "repository"
    shutil.copytree(built, root, symlinks=True)
    monkeypatch.chdir(root)
    return root
