"""Releases are tagged only where all checks pass, and can be built again from their tags."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from teacherspec.cli.main import main
from teacherspec.compare.revision import find_revision
from teacherspec.release.preflight import check_gates, check_outputs, check_package
from teacherspec.release.rebuild import Rebuild
from teacherspec.release.recorded_outputs import output_states
from teacherspec.release.remote_outputs import unpushed_outputs
from teacherspec.run_records.dvc_cache import Cache, local_cache
from tests.pipeline.gitops.repository import ENVIRONMENT, Repository
from tests.pipeline.gitops.toy_repositories import new_stub_repository


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, ENVIRONMENT[name])
    for name in ("PATH", "PYTHONPATH", "DVC_NO_ANALYTICS"):
        monkeypatch.setenv(name, ENVIRONMENT[name])


def test_a_release_is_an_annotated_tag_that_gto_reads(repository: Repository) -> None:
    shutil.rmtree(repository.root.parent / "remote")
    found = run("release", "v1.0.0", "--push")
    assert found.exit_code == 0, found.output
    assert repository.git("cat-file", "-t", "teacher@v1.0.0") == "tag"
    assert repository.git("rev-parse", "teacher@v1.0.0^{commit}") == repository.git("rev-parse", "HEAD")
    assert "pass evaluate.test.accuracy" in repository.git(
        "tag", "--list", "--format=%(contents)", "teacher@v1.0.0"
    )
    shown = repository.run("gto", "show", "teacher", "--json").stdout
    assert json.loads(shown)[0]["version"] == "v1.0.0"
    # The remote alone now holds every recorded byte.
    remote = Cache(repository.root.parent / "remote/files/md5")
    assert set(output_states(find_revision("teacher@v1.0.0"), remote).values()) == {"intact"}
    again = run("release", "v1.0.0")
    assert again.exit_code == 1
    assert "exists already" in again.stderr


@pytest.mark.parametrize("version", ["1.0.0", "v1.0", "v01.0.0", "v1.0.0-rc1", "latest", "v1.0.0\n"])
def test_only_plain_versions(repository: Repository, version: str) -> None:
    found = run("release", version)
    assert found.exit_code == 1
    assert "allowed: v1.2.3" in found.stderr
    assert not repository.git("tag", "--list")


def test_all_problems_are_reported_at_once(repository: Repository) -> None:
    repository.edit("params.yaml", "at_least: 0.5", "at_least: 0.99")
    repository.edit("params.yaml", "temperature: 0.8", "temperature: 0.9")
    repository.commit("Raise a gate too far, and do not build")
    (repository.root / "stray.txt").write_text("stray")
    repository.git("config", "status.showUntrackedFiles", "no")  # as people set it in large repositories
    weights = repository.root / "artifacts/teacher/weights.json"
    weights.chmod(0o644)
    weights.write_text("{}")
    lost = local_cache().path(find_revision("HEAD").outs["artifacts/calibrate"])
    lost.chmod(0o644)
    lost.unlink()
    found = run("release", "v1.0.0", "--push")
    assert found.exit_code == 1
    for words in (
        "stray.txt: not committed",
        "calibrate.temperature: 0.8 → 0.9",
        "gate evaluate.test.accuracy: failed",
        "artifacts/teacher: weights.json",
        "artifacts/calibrate: missing",
    ):
        assert words in found.stderr
    assert not repository.git("tag", "--list")


def test_a_tag_that_others_cannot_pull_is_not_called_published(repository: Repository) -> None:
    shutil.rmtree(repository.root.parent / "remote")
    found = run("release", "v1.0.0")
    assert found.exit_code == 0, found.output
    assert "tagged here only: not in remote `local`: " in found.stdout
    assert "artifacts/teacher" in found.stdout
    assert "first: dvc push" in found.stdout
    repository.dvc("push", "--quiet", "--run-cache")
    assert unpushed_outputs() is None
    (repository.root / ".dvc/config.local").write_text(
        "['remote \"local\"']\n    url = s3://bucket/teacher\n"
    )
    assert "is unknown" in (unpushed_outputs() or "")


def test_what_shows_nothing_is_no_pass(repository: Repository) -> None:
    for file in ("params.yaml", "dvc.lock"):
        (repository.root / file).write_text("{}\n")
    repository.commit("Nothing is declared, nothing was built")
    assert "declares none" in next(check_gates())
    assert "records no output" in next(check_outputs())
    assert "records no artifacts/teacher" in next(check_package())
    nothing = Rebuild("teacher@v1.0.0", "0" * 40, (), (), ())
    assert not nothing.identical
    assert nothing.level == "none"


def test_an_altered_cache_object_stops_a_release_though_dvc_finds_nothing(repository: Repository) -> None:
    cache = local_cache()
    md5 = find_revision("HEAD").outs["artifacts/finetune"]
    (name,) = (cache.files(md5) or {}).values()
    cache.path(name).chmod(0o644)
    cache.path(name).write_text('{"skill": 1.0}')
    cache.path(name).chmod(0o444)
    assert json.loads(repository.dvc("status", "--json")) == {}
    found = run("release", "v1.0.0")
    assert "artifacts/finetune: altered" in found.stderr


@pytest.mark.slow
def test_a_tag_is_rebuilt_to_the_same_bytes_while_the_working_tree_has_edits(repository: Repository) -> None:
    assert run("release", "v1.0.0").exit_code == 0
    repository.edit("params.yaml", "skill: 0.6", "skill: 0.1")
    before = repository.git("status", "--porcelain")
    found = repository.teacherspec("rebuild-release", "teacher@v1.0.0")
    assert "R1: identical" in found.stdout
    assert "11 of 11 outputs" in found.stdout
    assert repository.git("status", "--porcelain") == before
    assert len(repository.git("worktree", "list").splitlines()) == 1


@pytest.mark.slow
def test_differences_are_reported_with_first_stage_numbers_and_causes(tmp_path: Path) -> None:
    """Negative control: a stage that reads an environment variable cannot be rebuilt, and that is found."""
    repository = new_stub_repository(tmp_path)
    repository.edit(
        "stages/stub.py",
        'skill = json.loads(',
        'import os\n\n    skill = float(os.environ.get("LUCK", 0)) + json.loads(',
    )  # fmt: skip
    repository.edit("requirements.txt", "numpy==", "numpy==0.")
    repository.dvc("repro", "--quiet")
    repository.commit("A teacher with luck")
    command = [sys.executable, "-m", "teacherspec", "rebuild-release", "HEAD", "--environment", "this"]
    found = repository.run(*command, code=1, LUCK="0.3")
    assert "R0: not identical; the recorded bytes are available" in found.stdout
    assert "differs: artifacts/evaluate (stage evaluate)" in found.stdout
    assert "  predictions/test.parquet" in found.stdout
    assert "number: evaluate.test.accuracy" in found.stdout
    assert "cause: `evaluate` is the first stage" in found.stdout
    assert "cause: library: numpy was 0." in found.stdout
    assert "differs: artifacts/prepare" not in found.stdout


def test_what_was_never_built_cannot_be_rebuilt(shared_repository: Repository) -> None:
    first = shared_repository.git("rev-list", "--max-parents=0", "HEAD")
    for name, words in ((first, "records no built teacher"), ("teacher@v9.9.9", "no such branch, tag")):
        found = run("rebuild-release", name)
        assert found.exit_code == 1
        assert words in found.stderr


def test_release_notes_list_gates_and_changes_since_the_previous_tag(repository: Repository) -> None:
    assert run("release", "v1.0.0").exit_code == 0
    repository.git("switch", "--quiet", "pr")
    refused = run("pack-release", "teacher@v1.0.0", "out")
    assert "is not checked out" in refused.stderr
    repository.dvc("checkout", "--quiet")
    assert run("release", "v1.1.0").exit_code == 0
    assert run("pack-release", "teacher@v1.1.0", "out").exit_code == 0
    notes = (repository.root / "out/notes.md").read_text()
    assert "- pass evaluate.test.accuracy" in notes
    assert "`finetune.skill`" in notes
    sums = (repository.root / "out/SHA256SUMS").read_text().split()
    assert sums == [
        hashlib.sha256((repository.root / "out/teacher-v1.1.0.tar").read_bytes()).hexdigest(),
        "teacher-v1.1.0.tar",
    ]
