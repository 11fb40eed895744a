"""What is staged is checked, not what else lies in the working tree."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from teacherspec.cli.main import main
from tests.unit.run_records.toy_project import edit, run


def staged_is_fine() -> bool:
    return CliRunner().invoke(main, ["verify-lock", "--staged"], catch_exceptions=False).exit_code == 0


def test_what_is_staged_decides(toy: Path) -> None:
    assert staged_is_fine()
    (toy / "stages/texts/forgotten.py").write_text("x = 1\n")
    edit(toy, "params.yaml", "steps: 4", "steps: 5")
    assert staged_is_fine(), "nothing of it is staged"
    run(toy, "dvc", "repro", "--quiet")
    run(toy, "git", "add", "params.yaml", "dvc.lock")
    shown = CliRunner().invoke(main, ["verify-lock", "--staged"])
    assert shown.exit_code == 1
    assert "reports/evaluate/metrics.json" in shown.stderr, "the reports were forgotten"
    run(toy, "git", "add", "reports")
    shown = CliRunner().invoke(main, ["verify-lock", "--staged"])
    assert "stages/texts" in shown.stderr, "so was a file of code, with which the stage ran"
    run(toy, "git", "add", "--all")
    assert staged_is_fine()


def test_a_project_in_a_subdirectory_is_found(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "monorepo"
    (root / "ml").mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=toy, check=True, capture_output=True)
    subprocess.run(["tar", "x", "-C", str(root / "ml")], input=archive.stdout, check=True)
    run(root, "git", "init", "--quiet")
    run(root, "git", "add", "--all")
    monkeypatch.chdir(root / "ml")
    assert staged_is_fine()


def test_outside_of_a_repository_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(main, ["verify-lock", "--staged"])
    assert shown.exit_code == 1
    assert "git checkout-index: " in shown.stderr
