"""What is behind links of code in a commit is what DVC saw in its working tree."""

import shutil
from pathlib import Path

from teacherspec.run_records.dvc_hashing import md5_of
from teacherspec.run_records.folder_contents import behind, behind_run
from tests.unit.run_records.toy_project import commit, edit, run


def recorded(root: Path) -> str:
    """What `dvc.lock` says of the folder of links, by DVC."""
    lines = (root / "dvc.lock").read_text().splitlines()
    return next(lines[at + 2] for at, line in enumerate(lines) if "path: code/package" in line).split()[-1]


def test_a_commit_and_the_working_tree_give_the_hash_that_dvc_gives(toy: Path) -> None:
    here, there = behind("code/package"), behind("code/package", "HEAD")
    assert here == there
    assert here.md5 == recorded(toy)
    assert here.files == {"stages/words.py": md5_of(toy / "stages/words.py")}


def test_a_folder_of_data_is_seen_as_dvc_sees_it(toy: Path) -> None:
    (toy / "data/more/inner").mkdir(parents=True)
    (toy / "data/more/inner/b.txt").write_text("b")
    (toy / "data/more/a.txt").write_text("a\n")
    (toy / "data/more/README.md").write_text("no data")
    (toy / ".dvcignore").write_text("README.md\n")
    commit(toy, "More data")
    found = behind("data/more", "HEAD")
    assert found.files.keys() == {"data/more/a.txt", "data/more/inner/b.txt"}
    assert found == behind("data/more")
    shutil.copytree(toy / "data/more", toy / "data/copy")
    run(toy, "dvc", "add", "--quiet", "--no-commit", "data/copy")
    assert f"md5: {found.md5}" in (toy / "data/copy.dvc").read_text()


def test_the_files_of_the_run_are_found_where_the_code_moved_on(toy: Path) -> None:
    built = behind("code/package", "HEAD")
    edit(toy, "stages/words.py", "hello", "good day")
    (toy / "stages/more.py").write_text("x = 1\n")
    (toy / "code/package/stages.more").symlink_to("../../stages/more.py")
    commit(toy, "Edit without a run")
    for side in (None, "HEAD"):
        then = behind_run("code/package", built.md5, side)
        assert then == built
        assert behind("code/package", side).changed(then) == ["stages/more.py", "stages/words.py"]


def test_files_that_no_commit_holds_are_not_guessed(toy: Path) -> None:
    edit(toy, "stages/words.py", "hello", "never committed")
    lost = behind("code/package").md5
    edit(toy, "stages/words.py", "never committed", "hello")
    assert behind_run("code/package", lost) is None


def test_a_link_into_nothing_and_a_commit_without_the_folder_are_empty(toy: Path) -> None:
    (toy / "stages/words.py").unlink()
    commit(toy, "Take the code away")
    for side in (None, "HEAD"):
        assert behind("code/package", side).files == {}
        assert behind("code/nothing", side).files == {}
