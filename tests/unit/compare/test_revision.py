"""The repository around the current folder."""

import os
import subprocess
from pathlib import Path

import pytest

from teacherspec.compare.revision import repository
from teacherspec.errors import UserError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository with a subdirectory, which is the current folder."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


def test_a_repository_is_found_from_a_subdirectory(project: Path) -> None:
    assert Path(repository().root_dir).resolve() == project.resolve()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_repository_of_another_user_is_refused_with_the_remedy(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(project / "nobody"))  # no safe.directory of who runs the tests
    for path in (project, project / ".git"):
        os.chown(path, 4321, 4321)
    with pytest.raises(UserError, match=r"not owned by .* --add safe\.directory") as error:
        repository()
    assert str(error.value).endswith(str(project))


def test_a_folder_outside_of_any_repository_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="not in a git repository"):
        repository()
