"""The commit that a branch is compared from, where it is behind the branch it is compared with."""

import subprocess

import pytest

from teacherspec.compare.gate_changes import gate_changes
from teacherspec.compare.merge_base import MissingCommits, compared_from
from teacherspec.compare.revision import find_revision
from tests.pipeline.gitops.repository import Repository


def start(
    base: str, head: str | None = None, *, direct: bool = False
) -> tuple[str | None, MissingCommits | None]:
    """The commit that `head` is compared from, and what it lacks."""
    found, missing = compared_from(find_revision(base), find_revision(head), direct=direct)
    assert found.name == base
    return found.commit, missing


def loosened(base: str, head: str | None = None, *, direct: bool = False) -> list[str]:
    head_side = find_revision(head)
    found, _ = compared_from(find_revision(base), head_side, direct=direct)
    return [gate.metric for gate in gate_changes(found, head_side) if gate.loosened]


@pytest.fixture
def left_behind(repository: Repository) -> Repository:
    """`main` got a stricter gate after `branch`, which is checked out, had left it."""
    repository.git("switch", "--quiet", "--create", "branch", "main")
    repository.edit("params.yaml", "temperature: 0.8", "temperature: 0.9")
    repository.commit("Warmer")
    repository.git("switch", "--quiet", "main")
    for old, new in (("0.5", "0.55"), ("0.55", "0.6")):
        repository.edit("params.yaml", f"at_least: {old}", f"at_least: {new}")
        repository.commit("A stricter gate")
    repository.git("switch", "--quiet", "branch")
    return repository


def test_a_branch_is_compared_from_where_it_left_the_base(left_behind: Repository) -> None:
    common = left_behind.git("merge-base", "main", "branch")
    hash_of_main = left_behind.git("rev-parse", "main")
    for base, head in (("main", None), ("main", "HEAD"), ("main~0", "branch"), (hash_of_main, "branch")):
        assert start(base, head) == (common, MissingCommits(base, 2, shown=False))
        assert not loosened(base, head)


def test_with_direct_the_base_itself_is_compared(left_behind: Repository) -> None:
    assert start("main", direct=True) == (
        left_behind.git("rev-parse", "main"),
        MissingCommits("main", 2, shown=True),
    )
    assert loosened("main", direct=True) == ["evaluate.test.accuracy"]


def test_what_a_user_names_as_a_fixed_teacher_is_compared_itself(left_behind: Repository) -> None:
    main = left_behind.git("rev-parse", "main")
    left_behind.git("tag", "--annotate", "--message", "1", "teacher@v1.0.0", "main")
    left_behind.git("tag", "light", "main")
    for name in ("teacher@v1.0.0", "light"):
        assert start(name) == (main, MissingCommits(name, 2, shown=True))
    left_behind.git("switch", "--quiet", "--detach", "main")
    left_behind.edit("params.yaml", "temperature: 0.8", "temperature: 0.7")
    experiment = left_behind.commit("An experiment")
    left_behind.git("switch", "--quiet", "branch")
    assert start(experiment)[0] == left_behind.git("merge-base", "main", "branch")
    left_behind.git("update-ref", "refs/exps/aa/bb/example", experiment)
    assert start(experiment) == (experiment, MissingCommits(experiment, 3, shown=True))


def test_a_predecessor_is_compared_as_one(left_behind: Repository) -> None:
    """The other way round, the common commit is the predecessor itself: it has nothing of its own to show."""
    assert start("main", "main~1") == (
        left_behind.git("rev-parse", "main"),
        MissingCommits("main", 1, shown=True),
    )
    assert loosened("main", "main~1") == ["evaluate.test.accuracy"]


def test_edits_on_a_checkout_that_is_behind_are_compared_from_it(left_behind: Repository) -> None:
    left_behind.git("switch", "--quiet", "--detach", "main~1")
    assert start("main") == (left_behind.git("rev-parse", "main~1"), MissingCommits("main", 1, shown=False))


def test_a_branch_that_has_everything_lacks_nothing(left_behind: Repository) -> None:
    assert start("main~2", "main") == (left_behind.git("rev-parse", "main~2"), None)
    assert start("main", "main") == (left_behind.git("rev-parse", "main"), None)


def test_without_a_common_commit_that_was_built_the_base_itself_is_compared(left_behind: Repository) -> None:
    main = left_behind.git("rev-parse", "main")
    for branch in (("--orphan", "other"), ("--create", "early", "main~3")):  # main~3: before the first build
        left_behind.git("switch", "--quiet", *branch)
        left_behind.git("checkout", "--quiet", "main", "--", ".")
        left_behind.edit("params.yaml", "temperature: 0.8", "temperature: 0.7")
        left_behind.commit("Built on a branch of its own")
        commit, lacks = start("main", "HEAD")
        assert commit == main
        assert lacks is not None
        assert lacks.shown


def test_in_a_shallow_clone_the_base_itself_is_compared(
    left_behind: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind.git("push", "--quiet", "origin", "main", "branch")
    origin, shallow = (left_behind.root.parent / name for name in ("origin.git", "shallow"))
    command = ("git", "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{origin}", str(shallow))
    subprocess.run(command, check=True)
    monkeypatch.chdir(shallow)
    assert start("origin/main", "origin/branch") == (
        left_behind.git("rev-parse", "main"),
        MissingCommits("origin/main", 1, shown=True),
    )
