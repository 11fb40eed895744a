"""A declaration is validated once for each content and code, and never trusted after a change of either."""

import json
from pathlib import Path

import pytest

from teacherspec.check import checked_before, run
from teacherspec.check.checked_before import PASSED, check_once
from teacherspec.errors import DeclarationError
from tests.unit.check.example import RIGHT


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were really checked, in a folder with a declaration that passed once."""
    monkeypatch.chdir(tmp_path)
    found: list[Path] = []

    def counting(file: Path) -> None:
        found.append(file)
        real(file)

    real = run.check
    monkeypatch.setattr(run, "check", counting)
    Path("params.yaml").write_text(RIGHT)
    check_once(Path("params.yaml"))
    assert len(found) == 1
    return found


def test_the_same_content_is_checked_once(checked: list[Path]) -> None:
    check_once(Path("params.yaml"))
    assert len(checked) == 1


def test_another_content_is_checked(checked: list[Path]) -> None:
    Path("params.yaml").write_text(RIGHT + "\n")
    check_once(Path("params.yaml"))
    assert len(checked) == 2


def test_a_wrong_declaration_is_refused_every_time(checked: list[Path]) -> None:
    Path("params.yaml").write_text(RIGHT + "\nmisspelt: 1\n")
    for _ in range(2):
        with pytest.raises(DeclarationError, match="misspelt"):
            check_once(Path("params.yaml"))
    assert len(checked) == 3
    Path("params.yaml").unlink()
    with pytest.raises(DeclarationError, match="no such file"):
        check_once(Path("params.yaml"))


def test_every_file_of_the_check_is_watched(checked: list[Path]) -> None:
    watched = json.loads(PASSED.read_text())["code"]
    names = {Path(path).name for path in watched}
    assert {"cross_checks.py", "validate.py", "section.py", "task.py"} <= names
    assert any("pydantic" in path for path in watched)


@pytest.mark.parametrize("stamp", [[0, 0, 0, 0], None])
def test_changed_code_checks_again(checked: list[Path], stamp: list[int] | None) -> None:
    record = json.loads(PASSED.read_text())
    record["code"][checked_before.__file__] = stamp
    PASSED.write_text(json.dumps(record))
    check_once(Path("params.yaml"))
    assert len(checked) == 2


def test_removed_code_checks_again(checked: list[Path]) -> None:
    record = json.loads(PASSED.read_text())
    record["code"]["/no/such/module.py"] = [1, 2, 3, 4]
    PASSED.write_text(json.dumps(record))
    check_once(Path("params.yaml"))
    assert len(checked) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"declaration": 1}', "\x00", "null"])
def test_a_damaged_record_checks_again(checked: list[Path], text: str) -> None:
    PASSED.write_text(text)
    check_once(Path("params.yaml"))
    assert len(checked) == 2
    check_once(Path("params.yaml"))
    assert len(checked) == 2


def test_a_place_that_cannot_be_written_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(RIGHT)
    Path(".scratch").write_text("a file where the folder should be")
    check_once(Path("params.yaml"))


def test_what_is_no_readable_file_is_reported_by_the_check(checked: list[Path]) -> None:
    params = Path("params.yaml")
    params.unlink()
    with params.open("wb") as file:
        file.truncate(1 << 40)  # sparse: read whole, it would fill the memory
    with pytest.raises(DeclarationError, match="larger than"):
        check_once(params)
    params.unlink()
    params.mkdir()
    with pytest.raises(DeclarationError, match="not a regular file"):
        check_once(params)
