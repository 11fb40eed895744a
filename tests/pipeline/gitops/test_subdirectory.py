"""A project in a subdirectory of its git repository is compared, released and rebuilt as at the root."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from teacherspec.cli.main import main
from teacherspec.compare.compare import compare
from teacherspec.compare.revision import find_revision
from tests.pipeline.gitops.repository import ENVIRONMENT, Repository

TAG = "ml/teacher=teacher@v1.0.0"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.fixture
def monorepo(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The built project in `ml/teacher` of a repository, as the current folder; branches `main` and `pr`."""
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    for name in ("PATH", "PYTHONPATH", "DVC_NO_ANALYTICS"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    root = tmp_path / "monorepo"
    project = root / "ml/teacher"
    project.mkdir(parents=True)
    top, repository = Repository(root), Repository(project)
    (root / "README.md").write_text("Several projects.\n")
    top.git("init", "--quiet", "--initial-branch", "main")
    for branch in ("main", "pr"):
        archive = subprocess.run(
            ["git", "archive", branch], cwd=built / "repository", check=True, capture_output=True
        )
        subprocess.run(["tar", "x"], cwd=project, input=archive.stdout, check=True)
        top.commit(branch)
        top.git("branch", "pr") if branch == "pr" else None
    top.git("reset", "--quiet", "--hard", "HEAD~1")
    shutil.copytree(built / "repository/.dvc/cache", project / ".dvc/cache")
    repository.dvc("checkout", "--quiet")
    monkeypatch.chdir(project)
    return repository


def test_a_comparison_is_that_of_the_project_at_the_root(
    monorepo: Repository, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compare(find_revision("main"), find_revision("pr"))
    monkeypatch.chdir(built / "repository")
    expected = compare(find_revision("main"), find_revision("pr"))
    assert found.predictions == expected.predictions
    assert found.gates == expected.gates
    assert found.numbers == expected.numbers
    assert found.stages == expected.stages


def test_it_is_released_under_the_name_that_gto_and_dvc_read(monorepo: Repository) -> None:
    (monorepo.root.parents[1] / "README.md").write_text("An edit of another project.\n")
    found = run("release", "v1.0.0")
    assert found.exit_code == 0, found.output
    assert "pass evaluate.test.accuracy" in monorepo.git("tag", "--list", "--format=%(contents)", TAG)
    shown = json.loads(monorepo.run("gto", "show", "ml/teacher:teacher", "--json", "--repo", "../..").stdout)
    assert shown[0]["version"] == "v1.0.0"
    monorepo.dvc("artifacts", "get", ".", "ml/teacher:teacher", "--rev", "v1.0.0", "--out", "out/got")
    assert (monorepo.root / "out/got/SHA256SUMS").is_file()
    packed = run("pack-release", TAG, "out/release")
    assert packed.exit_code == 0, packed.output
    assert (monorepo.root / "out/release/teacher-v1.0.0.tar").is_file()
    again = run("release", "v1.0.0")
    assert again.exit_code == 1
    assert "exists already" in again.stderr


def test_a_missed_gate_and_an_altered_object_stop_a_release(monorepo: Repository) -> None:
    monorepo.edit("params.yaml", "at_least: 0.5", "at_least: 0.99")
    monorepo.dvc("repro", "--quiet")
    monorepo.commit("Miss a gate")
    altered = monorepo.root / ".dvc/cache/files/md5"
    md5 = find_revision("HEAD").outs["artifacts/calibrate"]
    listing = json.loads((altered / md5[:2] / md5[2:]).read_text())
    stored = altered / listing[0]["md5"][:2] / listing[0]["md5"][2:]
    stored.chmod(0o644)
    stored.write_text("{}")
    stored.chmod(0o444)  # as DVC protects it: a writable one it would hash and remove
    found = run("release", "v1.0.0")
    assert found.exit_code == 1
    assert "gate evaluate.test.accuracy: failed" in found.stderr
    assert "artifacts/calibrate: altered" in found.stderr
    assert not monorepo.git("tag", "--list")


@pytest.mark.slow
def test_it_is_rebuilt_from_its_tag(monorepo: Repository) -> None:
    assert run("release", "v1.0.0").exit_code == 0
    found = monorepo.teacherspec("rebuild-release", TAG)
    assert "R1: identical" in found.stdout
