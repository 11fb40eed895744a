"""Files that a merge left half done, and pointers of DVC that name nothing: one line each, no traceback."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from teacherspec.cli.main import main
from teacherspec.errors import UserError
from teacherspec.run_records.data_pointers import md5_in_pointer, tracked_md5
from teacherspec.run_records.dvc_hashing import folder_md5, md5_of, recorded_md5
from teacherspec.run_records.lock_check import check_lock
from teacherspec.runtime.merge_conflicts import line_of_conflict
from tests.unit.run_records.toy_project import edit, run

CONFLICT = "<<<<<<< HEAD\n{}=======\n{}>>>>>>> other\n"


@pytest.mark.parametrize(
    "file", ["dvc.lock", "dvc.yaml", "params.yaml", "pyproject.toml", "data/rows.txt.dvc"]
)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "only the first line"])
def test_a_conflict_is_named_by_every_command(toy: Path, file: str, whole: bool) -> None:
    text = (toy / file).read_text() if (toy / file).exists() else "outs:\n- md5: abc\n"
    (toy / file).write_text(CONFLICT.format(text, text) if whole else f"<<<<<<< HEAD\n{text}")
    for command in ("status", "verify-lock", "diff"):
        arguments = [command, "HEAD"] if command == "diff" else [command]
        shown = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert shown.exit_code == 1, command
        (line,) = shown.stderr.splitlines()
        assert f"{file}: holds an unresolved conflict" in line, command


def test_a_conflict_in_a_report_is_called_one(toy: Path) -> None:
    edit(toy, "reports/evaluate/metrics.json", "{", "<<<<<<< HEAD\n{")
    (finding,) = check_lock(toy)
    assert finding.kind == "inconsistent"
    assert "holds an unresolved conflict (metrics.json)" in finding.problem


@pytest.mark.parametrize("text", ["a\n=======\nb\n", "# <<<<<<< see\n", "    <<<<<<< HEAD\n", "<<<<<<<<<<\n"])
def test_other_lines_are_no_conflict(text: str) -> None:
    assert line_of_conflict(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no data"),
        ("outs: []\n", "names no data"),
        ("outs:\n", "names no data"),
        ("- md5: x\n", "names no data"),
        ("deps:\n- path: x\n", "names no data"),
        ("outs: {\n", "cannot be read"),
        ("outs:\n- path: rows\n  hash: md5\n", r"names no hash yet.*dvc update rows\.dvc"),
        ("outs:\n- path: rows\n  files:\n  - relpath: a\n    size: 1\n", "names no hash yet"),
    ],
)
def test_a_pointer_that_names_nothing_says_what_to_do(text: str, words: str) -> None:
    with pytest.raises(UserError, match=rf"^rows\.dvc: {words}"):
        md5_in_pointer(text, "rows.dvc")


def test_an_import_that_was_not_downloaded_is_one_line_in_every_command(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "registry.txt").write_text("one two\n")
    (toy / "data/rows.txt").unlink()
    run(toy, "git", "rm", "--quiet", "--cached", "data/rows.txt")
    run(toy, "dvc", "import-url", "--quiet", "--no-download", str(tmp_path / "registry.txt"), "data/rows.txt")
    for command in ("status", "verify-lock", "diff"):
        arguments = [command, "HEAD"] if command == "diff" else [command]
        shown = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert shown.exit_code == 1
        assert "data/rows.txt.dvc: names no hash yet" in shown.stderr
    run(toy, "dvc", "update", "--quiet", "data/rows.txt.dvc")
    assert tracked_md5(toy, "data/rows.txt") == md5_of(toy / "data/rows.txt")


def test_a_folder_of_a_remote_that_keeps_versions_has_the_hash_of_its_files(toy: Path) -> None:
    files = [
        {"relpath": "b/c", "md5": "1" * 32, "size": 1, "cloud": {"remote": {"version_id": "x"}}},
        {"relpath": "a", "md5": "0" * 32, "size": 1},
    ]
    assert recorded_md5({"path": "x", "files": files}) == folder_md5({"a": "0" * 32, "b/c": "1" * 32})
    assert recorded_md5({"path": "x", "md5": "f" * 32}) == "f" * 32
    assert recorded_md5({"path": "x"}) == ""


def test_a_run_of_single_stages_leaves_the_later_ones_stale(toy: Path) -> None:
    edit(toy, "params.yaml", "steps: 4", "steps: 5")
    run(toy, "dvc", "repro", "--quiet", "train")
    found = {(finding.stage, finding.kind, finding.what) for finding in check_lock(toy)}
    assert found == {(stage, "stale", "artifacts/train") for stage in ("evaluate", "package")}
    shown = CliRunner().invoke(main, ["status"]).stdout
    assert "train left another one since" in shown
    assert "INCONSISTENT" not in shown


@pytest.mark.parametrize("text", ["", "stages:\n", "stages: {}\n", "plots: []\n"])
def test_a_pipeline_without_stages_is_not_in_agreement(toy: Path, text: str) -> None:
    (toy / "dvc.yaml").write_text(text)
    shown = CliRunner().invoke(main, ["verify-lock"], catch_exceptions=False)
    assert shown.exit_code == 1
    assert "dvc.yaml: declares no stage" in shown.stderr
    assert "ok" not in shown.stdout
