"""A tagged teacher goes to a DVC remote and comes back by its tag, in a repository without its cache."""

import subprocess
import sys
from pathlib import Path

import pytest

from teacherspec.errors import UserError
from teacherspec.package.push import push_to_remote
from teacherspec.spec.package import PushToRemote
from tests.pipeline.gitops.repository import Repository
from tests.toys.packaged_teacher import ROOT, PackagedTeacher
from tests.unit.package.test_run import digest

pytestmark = pytest.mark.slow


@pytest.fixture
def repository_with_teacher(
    packaged_teacher: PackagedTeacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Repository:
    """A repository whose one stage brings the toy teacher, with this project's own `artifacts:` entry."""
    root = tmp_path / "repository"
    root.mkdir()
    repository = Repository(root)
    _, _, entry = (ROOT / "dvc.yaml").read_text().partition("\nartifacts:\n")
    bring = f"import shutil; shutil.copytree({str(packaged_teacher.folder)!r}, 'artifacts/teacher')"
    (root / "bring.py").write_text(bring + "\n")
    stages = (
        "stages:\n  package:\n    cmd: python bring.py\n    deps: [bring.py]\n    outs: [artifacts/teacher]\n"
    )
    (root / "dvc.yaml").write_text(f"{stages}\nartifacts:\n{entry}")
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.dvc("init", "--quiet")
    repository.dvc("remote", "add", "elsewhere", str(tmp_path / "remote"))
    repository.dvc("repro", "--quiet")
    repository.commit("A teacher")
    repository.git("tag", "--annotate", "teacher@v1.0.0", "--message", "first")
    return repository


def test_a_tagged_teacher_is_pushed_and_fetched(
    packaged_teacher: PackagedTeacher,
    repository_with_teacher: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(repository_with_teacher.root)
    teacher = Path("artifacts/teacher")
    with pytest.raises(UserError, match="dvc push failed"):
        push_to_remote(teacher, PushToRemote(kind="dvc", remote="unknown"))
    with pytest.raises(UserError, match="dvc push failed"):
        push_to_remote(teacher, PushToRemote(kind="dvc"))  # no default remote is declared
    assert "dvc artifacts get" in push_to_remote(teacher, PushToRemote(kind="dvc", remote="elsewhere"))
    subprocess.run(
        ["git", "clone", "--quiet", str(repository_with_teacher.root), str(tmp_path / "clone")], check=True
    )
    elsewhere = Repository(tmp_path)
    elsewhere.run(
        sys.executable, "-m", "dvc", "artifacts", "get", str(tmp_path / "clone"), "teacher",
        "--rev", "v1.0.0", "--remote", "elsewhere", "--out", "fetched",
    )  # fmt: skip
    assert digest(tmp_path / "fetched") == digest(packaged_teacher.folder)
