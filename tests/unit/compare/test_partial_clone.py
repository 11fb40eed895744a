"""Commits of clones that left their files out."""

import shutil
import subprocess
from pathlib import Path

import pytest

from teacherspec.compare.revision import find_revision
from teacherspec.errors import UserError


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone without files, of a repository whose first commit holds other ones; the current folder."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "--quiet", "--initial-branch", "main")
    git(origin, "config", "uploadpack.allowFilter", "true")
    for number in range(2):
        (origin / "reports").mkdir(exist_ok=True)
        (origin / "params.yaml").write_text(f"number: {number}\n")
        (origin / "reports/dätä.txt").write_text(f"report {number}\n")
        git(origin, "add", "--all")
        git(origin, "commit", "--quiet", "--message", str(number))
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", origin.as_uri(), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    assert "?" in git(tmp_path / "clone", "rev-list", "--objects", "--missing=print", "HEAD")
    return tmp_path / "clone"


@pytest.mark.usefixtures("clone")
def test_files_of_an_earlier_commit_are_read() -> None:
    earlier = find_revision("HEAD~1")
    assert earlier.params == {"number": 0}
    assert earlier.text("reports/dätä.txt") == "report 0\n"


def test_a_remote_that_is_gone_is_named(clone: Path) -> None:
    shutil.rmtree(clone.parent / "origin")
    with pytest.raises(UserError, match="made without files, and git cannot get them"):
        find_revision("HEAD~1").content("params.yaml")
