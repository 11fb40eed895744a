"""Data that DVC tracks file by file: a clone without it looks unchanged, and a run begins only with it."""

from pathlib import Path

import pytest

from teacherspec.errors import UserError
from teacherspec.run_records.dvc_hashing import md5_of
from teacherspec.run_records.folder_contents import folder_contents
from teacherspec.run_records.lock_check import check_lock
from teacherspec.run_records.tracked_files import bring_tracked_files, missing_files
from tests.unit.run_records.toy_project import commit, edit, run

ROWS = "data/rows.txt"


@pytest.fixture
def tracked(toy: Path) -> Path:
    """A built repository whose stage `prepare` depends on the folder of a file that DVC tracks."""
    edit(toy, "dvc.yaml", "data/rows.txt", "data")
    run(toy, "git", "rm", "--quiet", "--cached", ROWS)
    run(toy, "dvc", "add", "--quiet", ROWS)
    run(toy, "dvc", "repro", "--quiet")
    commit(toy, "Rows in DVC")
    return toy


def head(root: Path) -> str:
    return run(root, "git", "rev-parse", "HEAD").stdout.strip()


def test_a_folder_without_the_data_has_the_hash_of_the_run(tracked: Path) -> None:
    assert check_lock() == []
    whole = md5_of(Path("data"))
    (tracked / ROWS).unlink()
    assert (
        md5_of(Path("data"))
        == whole
        == folder_contents("data").md5
        == folder_contents("data", head(tracked)).md5
    )
    assert check_lock() == []


def test_other_data_is_still_a_change(tracked: Path) -> None:
    (tracked / ROWS).write_text("other rows\n")
    assert [found.what for found in check_lock()] == [ROWS]
    run(tracked, "dvc", "add", "--quiet", ROWS)
    (tracked / ROWS).unlink()
    assert f"{ROWS}.dvc" in {found.what for found in check_lock()}


def test_missing_data_comes_from_the_cache_before_a_run(tracked: Path) -> None:
    before = (tracked / ROWS).read_bytes()
    (tracked / ROWS).unlink()
    assert missing_files(Path()) == {ROWS: f"{ROWS}.dvc"}
    bring_tracked_files(Path(), pull=False)
    assert (tracked / ROWS).read_bytes() == before
    assert "up to date" in run(tracked, "dvc", "status").stdout


def test_data_that_is_nowhere_is_named_before_anything_is_removed(tracked: Path) -> None:
    (tracked / ROWS).unlink()
    for path in (tracked / ".dvc/cache").rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(UserError) as refusal:
        bring_tracked_files(Path(), pull=False)
    assert str(refusal.value) == (
        f"{ROWS}: is not here, only its pointer {ROWS}.dvc; get it with `dvc pull`, or run with `--pull`"
    )
    with pytest.raises(UserError, match="find the remote that has it"):
        bring_tracked_files(Path(), pull=True)


def test_a_tracked_folder_within_the_data_counts_by_the_list_in_the_cache(toy: Path) -> None:
    (toy / "data/more").mkdir()
    (toy / "data/more/a.txt").write_text("a")
    (toy / "data/more/b.txt").write_text("b")
    run(toy, "dvc", "add", "--quiet", "data/more")
    whole = md5_of(Path("data"))
    for path in (toy / "data/more").iterdir():
        path.unlink()
    (toy / "data/more").rmdir()
    assert md5_of(Path("data")) == whole
