"""The contents of a folder in a commit and in the working tree are what DVC hashes."""

import shutil
from pathlib import Path

from teacherspec.run_records.dvc_hashing import md5_of
from teacherspec.run_records.folder_contents import contents_of_run, folder_contents
from tests.unit.run_records.toy_project import commit, edit, run

CODE, GREETING = "stages/texts", "stages/texts/greeting.py"


def head(root: Path) -> str:
    return run(root, "git", "rev-parse", "HEAD").stdout.strip()


def recorded(root: Path) -> str:
    """The hash of the folder of code in `dvc.lock`, computed by DVC."""
    lines = (root / "dvc.lock").read_text().splitlines()
    return next(lines[at + 2] for at, line in enumerate(lines) if f"path: {CODE}" in line).split()[-1]


def test_a_commit_and_the_working_tree_give_the_hash_that_dvc_gives(toy: Path) -> None:
    now, committed = folder_contents(CODE), folder_contents(CODE, head(toy))
    assert now == committed
    assert now.md5 == recorded(toy)
    assert now.files.keys() == {"stages/texts/__init__.py", GREETING}
    assert now.files[GREETING] == md5_of(toy / GREETING)


def test_compiled_files_are_not_counted(toy: Path) -> None:
    (toy / CODE / "__pycache__").mkdir()
    (toy / CODE / "__pycache__/greeting.cpython-311.pyc").write_bytes(b"compiled")
    assert folder_contents(CODE).md5 == md5_of(Path(CODE)) == recorded(toy)
    assert "up to date" in run(toy, "dvc", "status").stdout


def test_subfolders_and_ignored_files_are_counted_as_dvc_counts_them(toy: Path) -> None:
    (toy / "data/more/inner").mkdir(parents=True)
    (toy / "data/more/inner/b.txt").write_text("b")
    (toy / "data/more/a.txt").write_text("a\n")
    (toy / "data/more/README.md").write_text("no data")
    (toy / ".dvcignore").write_text("README.md\n")
    commit(toy, "More data")
    found = folder_contents("data/more", head(toy))
    assert found.files.keys() == {"data/more/a.txt", "data/more/inner/b.txt"}
    assert found == folder_contents("data/more")
    shutil.copytree(toy / "data/more", toy / "data/copy")
    run(toy, "dvc", "add", "--quiet", "--no-commit", "data/copy")
    assert f"md5: {found.md5}" in (toy / "data/copy.dvc").read_text()


def test_the_files_of_a_run_are_found_after_later_commits(toy: Path) -> None:
    built = folder_contents(CODE, head(toy))
    edit(toy, GREETING, "hello", "good day")
    (toy / CODE / "more.py").write_text("x = 1\n")
    commit(toy, "Edit without a run")
    for side in (None, head(toy)):
        of_run = contents_of_run(CODE, built.md5, side)
        assert of_run == built
        assert folder_contents(CODE, side).changed(of_run) == [GREETING, "stages/texts/more.py"]


def test_files_that_no_commit_holds_are_not_guessed(toy: Path) -> None:
    edit(toy, GREETING, "hello", "never committed")
    lost = folder_contents(CODE).md5
    edit(toy, GREETING, "never committed", "hello")
    assert contents_of_run(CODE, lost) is None


def test_a_folder_that_does_not_exist_holds_no_files(toy: Path) -> None:
    shutil.rmtree(toy / CODE)
    commit(toy, "Remove the code")
    for side in (None, head(toy)):
        assert folder_contents(CODE, side).files == {}
        assert folder_contents("data/nothing", side).files == {}
