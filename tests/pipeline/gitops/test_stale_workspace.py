"""After `git switch` without `dvc checkout`, the workspace holds the artifacts of another commit."""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from teacherspec.cli.main import main
from teacherspec.compare.compare import as_json, compare
from teacherspec.compare.revision import find_revision
from teacherspec.package.provenance.git_commit import read_revision
from teacherspec.run_records.dvc_cache import local_cache
from teacherspec.run_records.recorded_artifact import UnavailableError, recorded_artifacts
from tests.pipeline.gitops.repository import Repository


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


@pytest.fixture
def stale(repository: Repository) -> Repository:
    """On `pr`, which is tagged, with the artifacts of `main` in the workspace."""
    repository.git("tag", "--annotate", "teacher@v1.0.0", "--message", "first", "pr")
    repository.git("switch", "--quiet", "--detach", "teacher@v1.0.0")
    return repository


def remove_artifacts(root: Path) -> None:
    shutil.rmtree(root / "artifacts")


def remove_cache(root: Path) -> None:
    shutil.rmtree(root / ".dvc/cache")


@pytest.mark.parametrize(
    ("head", "damage"),
    [(None, lambda root: None), (None, remove_cache), ("HEAD", remove_artifacts)],
    ids=["not checked out", "without a cache", "without a workspace"],
)
def test_a_diff_is_that_of_the_commits_whatever_the_workspace_holds(
    stale: Repository, built: Path, head: str | None, damage: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(stale.root)
    found = compare(find_revision("main"), find_revision(head))
    monkeypatch.chdir(built / "repository")
    expected = compare(find_revision("main"), find_revision("pr"))
    assert not found.not_compared
    assert found.predictions.tests
    assert found.predictions == expected.predictions
    assert found.data == expected.data


def test_where_the_bytes_are_nowhere_the_diff_names_them_and_shows_no_numbers(stale: Repository) -> None:
    remove_cache(stale.root)
    shutil.rmtree(stale.root.parent / "remote")
    found = compare(find_revision("main"), find_revision(None))
    assert found.predictions.tests == ()
    assert any(
        "artifacts/evaluate of working tree" in line and "the workspace holds another one" in line
        for line in found.not_compared
    )
    assert as_json(found)["numbers"], "the reports in git are compared"


def test_rows_are_those_of_the_commits(stale: Repository) -> None:
    shown = [run("diff-data", "main", *after).stdout for after in ((), ("HEAD",), ("pr",))]
    assert "`rows-new`" in shown[0]
    assert shown[0] == shown[1] == shown[2]


COMMANDS = (
    ("pack-release", "teacher@v1.0.0", "out/release"),
    ("write-attestation", "--out", "out/attestation"),
    ("release", "v1.1.0"),
)


def test_another_teacher_is_never_released_under_a_tag(stale: Repository) -> None:
    for damage, words in (
        (lambda root: None, "is not the one that dvc.lock records; run `dvc checkout`"),
        (remove_cache, "is not the one that dvc.lock records; run `dvc pull`"),
        (remove_artifacts, "there is nothing; run `dvc pull`"),
    ):
        damage(stale.root)
        for command in COMMANDS:
            found = run(*command)
            assert found.exit_code == 1, command
            assert f"artifacts/teacher: {words}" in found.stderr or "no teacher package" in found.stderr
            assert not (stale.root / "out").exists()
            assert stale.git("tag", "--list") == "teacher@v1.0.0"


def test_what_was_checked_out_is_packed(stale: Repository) -> None:
    stale.dvc("checkout", "--quiet")
    found = run("pack-release", "teacher@v1.0.0", "out/release")
    assert found.exit_code == 0, found.output
    with tarfile.open(stale.root / "out/release/teacher-v1.0.0.tar") as archive:
        weights = json.load(archive.extractfile("teacher/weights.json"))  # type: ignore[arg-type]
    assert weights == {"skill": 0.9}


def test_a_folder_elsewhere_is_attested_only_where_it_is_the_recorded_one(stale: Repository) -> None:
    copied = stale.root / "out/copy"
    shutil.copytree(stale.root / "artifacts/teacher", copied)
    found = run("write-attestation", "out/copy")
    assert found.exit_code == 1
    assert "out/copy: is not the one that dvc.lock records" in found.stderr


def test_several_artifacts_come_from_workspace_and_cache(stale: Repository) -> None:
    outs = find_revision(None).outs
    (stale.root / "artifacts/stray").mkdir()
    with recorded_artifacts(outs, ["artifacts/finetune", "artifacts/check"]) as folder:
        assert json.loads((folder / "finetune/model.json").read_text()) == {"skill": 0.9}
        assert (folder / "check").resolve() == stale.root / "artifacts/check", "unchanged, from the workspace"
    remove_cache(stale.root)
    with (
        pytest.raises(UnavailableError, match=r"artifacts/finetune: neither .*`dvc pull`"),
        recorded_artifacts(outs, ["artifacts/finetune", "artifacts/check"]),
    ):
        pass
    assert not (stale.root / ".dvc/cache/files").exists(), "nothing was fetched"


REMOTES = {
    "s3://bucket/teacher": "requires 'dvc-s3'",
    "gs://bucket/teacher": "requires 'dvc-gs'",
    "azure://container/teacher": "requires 'dvc-azure'",
    "ssh://host/teacher": "requires 'dvc-ssh'",
    "https://127.0.0.1:1/teacher": "Connect",
    "/nonexistent/teacher": "the remote does not have it",
}
"""Address of a remote that does not give the files → the reason that is reported."""


def test_a_remote_that_does_not_answer_is_a_reason_and_no_traceback(repository: Repository) -> None:
    remove_cache(repository.root)
    config = repository.root / ".dvc/config.local"
    for url, words in REMOTES.items():
        config.write_text(f"['remote \"local\"']\n    url = {url}\n")
        with (
            pytest.raises(UnavailableError, match=f"artifacts/evaluate of pr is neither .*{words}"),
            find_revision("pr").artifact("artifacts/evaluate"),
        ):
            pass
    config.write_text("[core]\n    remote =\n")
    found = run("diff", "pr", "main")
    assert found.exit_code == 0
    missing = [line for line in found.stdout.splitlines() if "artifacts/evaluate of pr" in line]
    assert len(missing) == 1
    assert "no default remote is configured" in missing[0]


def test_a_fetched_artifact_stays_in_the_cache(repository: Repository) -> None:
    remove_cache(repository.root)
    revision = find_revision("pr")
    with revision.artifact("artifacts/evaluate") as folder:
        assert (folder / "predictions.json").is_file()
    assert local_cache().state(revision.outs["artifacts/evaluate"]) == "intact"


def test_an_edit_elsewhere_in_a_shared_repository_is_no_change_of_the_project(tmp_path: Path) -> None:
    root = tmp_path / "shared"
    for folder in ("teacher", "other"):
        (root / folder).mkdir(parents=True)
        (root / folder / "file").write_text("as committed\n")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
        Repository(root).git(*command)
    (root / "other/file").write_text("edited\n")
    subprocess.run(["git", "status"], cwd=root, check=True, capture_output=True)
    assert [read_revision(root / folder).changed for folder in ("teacher", "other")] == [False, True]
