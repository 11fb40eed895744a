"""What a person waits for first is imports: how many modules each command may load, and which never.

Modules are counted, not seconds, so that the test means the same on every machine. A budget is about a tenth
above what is loaded today; raise one only together with a reason.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARIES = frozenset(
    {"numpy", "scipy", "torch", "transformers", "datasets", "pyarrow", "matplotlib", "sklearn", "dvc", "PIL"}
)
DECLARATION = frozenset({"pydantic", "ruamel.yaml"})

COMMAND = "from teacherspec.cli.main import main\nmain({arguments!r}, standalone_mode=False)"
NOTHING_TO_DO = """\
from pathlib import Path
from teacherspec.cli.repro import PARAMS
from teacherspec.check.checked_before import check_once
from teacherspec.run_records.failed_run import before_run
from teacherspec.run_records.safe_repro import repair
from teacherspec.run_records.tracked_files import bring_tracked_files
check_once(PARAMS), bring_tracked_files(Path(), pull=False), repair(Path()), before_run(Path())"""
"""What `teacherspec repro` does before it starts DVC, which is not run here."""

BUDGETS = {
    "--help": (COMMAND.format(arguments=["--help"]), 150, LIBRARIES | DECLARATION),
    "repro": (NOTHING_TO_DO, 310, LIBRARIES | DECLARATION),
    "status": (COMMAND.format(arguments=["status"]), 310, LIBRARIES | DECLARATION),
    "check": (COMMAND.format(arguments=["check"]), 580, LIBRARIES - {"numpy"}),
    "stages.check": ("import stages.check", 580, LIBRARIES - {"numpy"}),
}
"""Command → what it runs, the most modules it may load, and those it must not."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The declaration, the pipeline and its lock, read once before: what a repository looks like in use."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("params.yaml", "dvc.yaml", "dvc.lock", "pyproject.toml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    loaded(NOTHING_TO_DO, folder)
    loaded(COMMAND.format(arguments=["status"]), folder)
    return folder


def loaded(code: str, folder: Path) -> set[str]:
    """The modules of a fresh interpreter after running `code` in `folder`."""
    program = f"import json, sys\n{code}\nprint('MODULES', json.dumps(list(sys.modules)))"
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.split("MODULES ")[1]))


@pytest.mark.parametrize("command", BUDGETS)
def test_a_command_stays_within_its_budget_of_modules(project: Path, command: str) -> None:
    code, most, forbidden = BUDGETS[command]
    modules = loaded(code, project)
    assert modules & forbidden == set()
    assert len(modules) <= most


def test_the_count_sees_an_import(project: Path) -> None:
    """Negative control."""
    assert "numpy" in loaded("import numpy", project)
