"""Git as people configure it: hooks of `dvc install`, a submodule, experiments by name."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from teacherspec.cli.main import main
from teacherspec.compare.revision import find_revision
from teacherspec.errors import UserError
from teacherspec.release.rebuild import SCRATCH, working_tree
from tests.pipeline.gitops.repository import Repository

HOOK = "#!/bin/sh\ntouch {}\nexit 1\n"
"""As the hook of `dvc install` does where the cache lacks something: it does its work and fails."""


def head_of(repository: Repository) -> str:
    return repository.git("rev-parse", "HEAD")


def test_a_rebuild_runs_no_hook_and_leaves_nothing_behind(repository: Repository, tmp_path: Path) -> None:
    repository.dvc("install")
    ran = tmp_path / "ran"
    for name in ("post-checkout", "pre-commit", "pre-push"):
        hook = repository.root / ".git/hooks" / name
        assert hook.is_file(), "`dvc install` writes these"
        hook.write_text(HOOK.format(ran))
    with working_tree(head_of(repository), keep=False) as root:
        assert (root / "params.yaml").read_bytes() == (repository.root / "params.yaml").read_bytes()
        assert not ran.exists()
    assert not [path for path in SCRATCH.glob("*") if path.is_dir()]
    assert repository.git("worktree", "list").count("\n") == 0
    repository.git("checkout", "--quiet", "--detach", "pr", code=None)
    assert ran.exists(), "the negative control: a checkout in the repository runs it"


def test_a_rebuild_that_fails_leaves_nothing_behind(repository: Repository) -> None:
    commit = head_of(repository)

    def fail() -> None:
        with working_tree(commit, keep=False) as root:
            assert root.is_dir()
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fail()
    assert not [path for path in SCRATCH.glob("*") if path.is_dir()]
    assert repository.git("worktree", "list").count("\n") == 0


def test_a_submodule_is_a_repository_of_its_own(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = Repository(tmp_path / "outer")
    outer.root.mkdir()
    outer.git("init", "--quiet", "--initial-branch", "main")
    outer.git("commit", "--quiet", "--allow-empty", "--message", "Begin")
    source = tmp_path / "gitops/origin.git"
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(source), "teacher")
    inner = Repository(outer.root / "teacher")
    inner.dvc("remote", "modify", "--local", "local", "url", str(tmp_path / "gitops/remote"))
    monkeypatch.chdir(inner.root)
    assert find_revision("HEAD").commit == head_of(inner) == head_of(repository)
    with working_tree(head_of(inner), keep=False) as root:
        assert Repository(root).dvc("root").strip() == "."
        assert (root / ".dvc/config.local").read_text().count("remote") >= 1
        assert (root / "dvc.lock").read_bytes() == (inner.root / "dvc.lock").read_bytes()
    shown = CliRunner().invoke(main, ["diff", "origin/main", "origin/pr"], catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    assert "evaluate.test.accuracy" in shown.stdout


@pytest.fixture
def longer(repository: Repository) -> str:
    """Commit of an experiment called `longer`, kept where DVC keeps it."""
    made = repository.git("rev-parse", "pr")
    baseline = head_of(repository)
    repository.git("update-ref", f"refs/exps/{baseline[:2]}/{baseline[2:]}/longer", made)
    return made


def test_an_experiment_is_compared_by_its_name(repository: Repository, longer: str) -> None:
    assert find_revision("longer").commit == longer
    by_name, by_branch = (
        CliRunner().invoke(main, ["diff", "main", name, "--format", "json"], catch_exceptions=False)
        for name in ("longer", "pr")
    )
    assert by_name.exit_code == by_branch.exit_code == 0, by_name.output
    assert by_name.stdout.replace("longer", "pr") == by_branch.stdout


def test_a_misspelt_experiment_is_answered_with_its_name(repository: Repository, longer: str) -> None:
    with pytest.raises(UserError, match=r"longr: no such branch.*did you mean longer\?") as error:
        find_revision("longr")
    assert "shallow" not in str(error.value), "the clone is whole"


def test_two_experiments_of_one_name_are_both_named(repository: Repository, longer: str) -> None:
    other = repository.git("rev-parse", "main")
    repository.git("update-ref", f"refs/exps/{longer[:2]}/{longer[2:]}/longer", other)
    with pytest.raises(UserError, match=r"longer: several experiments are called so: refs/.*, refs/"):
        find_revision("longer")
