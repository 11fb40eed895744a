"""The command line: help for every command, and the exit codes that scripts rely on."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from teacherspec.cli.main import COMMANDS, main
from teacherspec.errors import DataError
from teacherspec.runtime.entrypoint import report_user_errors
from tests.unit.spec.example import RIGHT

CLI = Path(__file__).parents[3] / "teacherspec" / "cli"


def test_every_file_is_a_command() -> None:
    assert sorted(COMMANDS) == sorted(
        {path.stem.replace("_", "-") for path in CLI.glob("[!_]*.py")} - {"main"}
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert f"Usage: main {name}" in result.stdout
    assert f"\n  {name} " in CliRunner().invoke(main, ["--help"]).stdout


def test_wrong_usage_is_exit_code_2() -> None:
    assert CliRunner().invoke(main, ["chek"]).exit_code == 2
    assert CliRunner().invoke(main, ["check", "a", "b"]).exit_code == 2


def test_a_right_declaration_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(RIGHT)
    result = CliRunner().invoke(main, ["check"])
    assert (result.exit_code, result.stdout) == (0, "params.yaml: ok (a text_classification teacher)\n")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DataError(["a:1: x", "a:2: y"]), 1, "a:1: x\na:2: y\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_doors_say_mistakes_in_plain_lines(error: BaseException, code: int, said: str) -> None:
    @click.command()
    @report_user_errors()
    def door() -> None:
        raise error

    result = CliRunner().invoke(door)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", said)


def test_show_says_when_there_is_no_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(RIGHT)
    result = CliRunner().invoke(main, ["show"])
    assert result.exit_code == 1
    assert "artifacts/teacher: there is no teacher yet; run `dvc repro`" in result.output
