"""Git that writes the line ends of Windows (`core.autocrlf`) makes no recorded input another one."""

from pathlib import Path

import pytest

from teacherspec.run_records.lock_check import check_lock
from tests.unit.run_records.toy_project import commit, run


def windows_clone(root: Path, target: Path) -> Path:
    """A clone of a repository as `core.autocrlf=true` checks it out."""
    run(root, "git", "clone", "--quiet", "--config", "core.autocrlf=true", str(root), str(target))
    return target


def test_no_input_changes(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = windows_clone(toy, tmp_path / "windows")
    monkeypatch.chdir(clone)
    assert list(check_lock(clone)) == []
    assert not [path for path in (clone / "stages").rglob("*.py") if b"\r" in path.read_bytes()]


def test_without_the_rule_of_gitattributes_every_text_differs(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    (toy / ".gitattributes").unlink()
    commit(toy, "Without the rule")
    clone = windows_clone(toy, tmp_path / "windows")
    monkeypatch.chdir(clone)
    assert list(check_lock(clone))
    assert b"\r" in (clone / "stages/toy.py").read_bytes()
