"""The command line: help for every command, exit codes that scripts rely on, and answers to old names."""

import subprocess
import sys
import tomllib
from collections import Counter
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from teacherspec.cli.main import COMMANDS, RENAMED, SECTIONS, main
from teacherspec.errors import DataError
from teacherspec.runtime.entrypoint import report_user_errors
from tests.unit.check.example import RIGHT

ROOT = Path(__file__).parents[3]
CLI = ROOT / "teacherspec" / "cli"


def test_every_file_is_a_command() -> None:
    names = [path.stem.replace("_", "-") for path in CLI.glob("[!_]*.py")]
    assert sorted(COMMANDS) == sorted({*names} - {"main"})
    assert max(Counter(COMMANDS).values()) == 1, "a command is in two sections"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert f"Usage: main {name}" in result.stdout
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_help_lists_the_commands_by_what_a_person_does() -> None:
    lines = CliRunner().invoke(main, ["--help"]).stdout.splitlines()
    titles = [line.removesuffix(":") for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Options", *SECTIONS]
    assert [line.split()[0] for line in lines if line.startswith("  ") and line.split()[0] in COMMANDS] == [
        *COMMANDS
    ]
    assert max(map(len, lines)) <= 80


def imported_by(*arguments: str) -> set[str]:
    """The modules that a fresh interpreter has after running the command line."""
    code = (
        "import sys; from teacherspec.cli.main import main\n"
        f"main({list(arguments)!r}, standalone_mode=False); print('MODULES', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split("MODULES ")[1].split())


def test_help_imports_no_command() -> None:
    ours = {name for name in imported_by("--help") if name.split(".")[0] == "teacherspec"}
    assert ours == {"teacherspec", "teacherspec.cli", "teacherspec.cli.main"}


def test_a_command_imports_only_its_own_module() -> None:
    modules = imported_by("schema", "--help")
    assert {name for name in modules if name.startswith("teacherspec.cli.")} == {
        "teacherspec.cli.main",
        "teacherspec.cli.schema",
    }
    assert not {"torch", "transformers", "datasets", "dvc", "pandas", "scipy"} & modules


def test_the_console_script_is_the_command_line() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, name = scripts["teacherspec"].partition(":")
    assert getattr(import_module(module), name) is main


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("reproduce teacher@v1.0.0 --keep", "main rebuild-release teacher@v1.0.0 --keep"),
        ("attach teacher@v1.0.0 out", "main pack-release teacher@v1.0.0 out"),
        ("attest --help", "main write-attestation --help"),
        ("datadiff main", "main diff-data main"),
        ("plan 'my config.json'", "main plan-memory 'my config.json'"),
        ("review", "main rating-sheet"),
        ("show-example -n 2", "main show-tokens -n 2"),
        ("verify", "main verify-package DIR"),
        ("verify teacher --signature a", "main verify-package teacher --signature a"),
        ("verify --lock --artifacts", "main verify-lock && main verify-artifacts"),
        ("verify teacher --artifacts", "main verify-package teacher && main verify-artifacts"),
    ],
)
def test_an_old_name_answers_with_the_new_command_line(old: str, new: str) -> None:
    result = CliRunner().invoke(main, old)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == f"{old.split()[0]}: renamed: use `{new}`\n"


def test_old_names_are_no_commands_and_lead_to_commands() -> None:
    assert not set(RENAMED) & set(COMMANDS)
    for old, replacement in RENAMED.items():
        assert {line.split()[0] for line in replacement([])} <= set(COMMANDS), old


def test_wrong_usage_is_exit_code_2() -> None:
    assert CliRunner().invoke(main, ["chek"]).exit_code == 2
    assert CliRunner().invoke(main, ["check", "a", "b"]).exit_code == 2


def test_a_valid_declaration_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(RIGHT)
    result = CliRunner().invoke(main, ["check"])
    assert (result.exit_code, result.stdout) == (0, "params.yaml: ok (text_classification)\n")


@pytest.mark.parametrize(
    ("error", "code", "stderr"),
    [
        (DataError(["a:1: x", "a:2: y"]), 1, "a:1: x\na:2: y\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_entrypoints_report_mistakes_without_traceback(error: BaseException, code: int, stderr: str) -> None:
    @click.command()
    @report_user_errors()
    def entrypoint() -> None:
        raise error

    result = CliRunner().invoke(entrypoint)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", stderr)


def test_show_reports_when_there_is_no_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(RIGHT)
    result = CliRunner().invoke(main, ["show"])
    assert result.exit_code == 1
    assert "artifacts/teacher: there is no teacher yet; run `teacherspec repro`" in result.output
