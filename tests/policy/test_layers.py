"""Imports only go down, and what reads the surroundings sits in few, named places."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from teacherspec.road.closure import Project
from teacherspec.road.links import EXEMPT

ROOT = Path(__file__).parents[2]

LEVELS = (
    {"errors", "section", "files"},
    {"metrics", "declaration", "road"},
    {"process"},
    {"answers", "batching", "language", "machine", "plots", "portable"}
    | {"predictions", "prepared", "unfinished"},
    {"embedding_predictions", "launch", "ranks", "receipts", "token_predictions"},
    {"tasks"},
    {"prepare", "base", "evaluate", "calibrate", "ratings"},
    {"teacher"},
    {"finetune", "package"},  # both read the manifest of `base`
    {"plan"},
    {"review", "export"},  # review compares what all stages left
    {"release", "sections"},
    {"rules"},
    {"spec", "door"},
    {"stages", "cli"},
    {"__main__"},
)
"""Rooms from the ground up. A room imports itself and rooms below it, never one beside or above it."""

KNOWS_NOTHING = {
    "metrics": {"errors"},
    "calibrate": {"errors", "files", "section", "metrics", "plots"}
    | {"embedding_predictions", "predictions", "token_predictions"},
    "ratings": {"answers", "errors", "files", "section", "metrics"},
}
"""Rooms that know no task and no model, and all that they may import."""

FILES = sorted(
    str(path.relative_to(ROOT))
    for folder in ("teacherspec", "stages")
    for path in (ROOT / folder).rglob("*.py")
    if path.read_text().strip()
)
PROJECT = Project(ROOT, exempt=EXEMPT)


def room(file: str) -> str:
    """`tasks` for `teacherspec/tasks/columns/base.py`, `files` for `teacherspec/runtime/atomic_io.py`."""
    top, *inner = Path(file).with_suffix("").parts
    return inner[0] if top == "teacherspec" else top


def level(name: str) -> int:
    return next(height for height, rooms in enumerate(LEVELS) if name in rooms)


def imported(file: str) -> set[str]:
    """Rooms that `file` imports. The command line alone picks its commands by name."""
    return {room(other) for other in PROJECT.imports(file)} if file != "teacherspec/cli/main.py" else {"cli"}


def nodes(file: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse((ROOT / file).read_text()))


def libraries(file: str) -> set[str]:
    """Top-level names of everything that `file` imports, wherever in it."""
    found = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def test_there_is_something_to_look_at() -> None:
    assert len(FILES) > 40
    assert {room(file) for file in FILES} == set().union(*LEVELS)


@pytest.mark.parametrize("file", FILES)
def test_imports_only_go_down(file: str) -> None:
    here = room(file)
    wrong = {other for other in imported(file) if other != here and level(other) >= level(here)}
    assert not wrong, f"{file} imports {wrong}, which do not lie below {here}"


@pytest.mark.parametrize("name", KNOWS_NOTHING)
def test_maths_knows_no_task_and_no_model(name: str) -> None:
    for file in (file for file in FILES if room(file) == name):
        assert imported(file) <= KNOWS_NOTHING[name] | {name}, file
        assert not libraries(file) & {"torch", "transformers", "datasets", "peft", "accelerate"}, file


def test_only_doors_and_the_command_line_know_click() -> None:
    assert {room(file) for file in FILES if "click" in libraries(file)} == {"stages", "cli"}


def test_package_files_are_empty() -> None:
    packages = {file for file in FILES if file.endswith("__init__.py")}
    assert packages == {"teacherspec/tasks/__init__.py"}, "only the list of tasks may stand in an __init__.py"


READS_YAML = {
    "teacherspec/runtime/entrypoint.py",
    "teacherspec/road/stages.py",
    "teacherspec/compare/revision.py",  # what other revisions declared
    "teacherspec/run_records/dvc_yaml.py",
    "teacherspec/release/rebuild.py",  # the dvc.lock of another working tree
}
READS_ENVIRONMENT = {
    "teacherspec/runtime/machine.py",  # placement, which changes no result beyond the tolerance
    "teacherspec/base/sandbox_worker.py",  # silences a warning, in a process of its own
    "teacherspec/runtime/cpu_determinism.py",  # the pins of a portable teacher
    "teacherspec/runtime/process_lifetime.py",  # whether DVC runs this process
}


def test_params_and_yaml_are_read_in_few_places() -> None:
    users = {file for file in FILES if libraries(file) & {"ruamel", "yaml"}}
    users |= {
        file
        for file in FILES
        for node in nodes(file)
        if isinstance(node, ast.Constant) and node.value == "params.yaml"
    }
    building = {file for file in FILES if file.startswith("teacherspec/declaration/")}
    assert users - building == READS_YAML


def test_the_environment_is_read_in_few_places() -> None:
    users = {
        file
        for file in FILES
        for node in nodes(file)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (isinstance(node, ast.ImportFrom) and node.module == "os")
    }
    assert users == READS_ENVIRONMENT


def test_help_and_checks_wait_for_no_heavy_library() -> None:
    doors = [f"stages.{Path(file).stem}" for file in FILES if file.startswith("stages/")]
    code = (
        f"import sys, teacherspec.check.run, teacherspec.cli.check, {', '.join(doors)}\n"
        "print(sorted({'torch', 'transformers', 'datasets', 'matplotlib', 'dvc'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (result.stdout, result.stderr) == ("[]\n", "")


def test_reading_the_declaration_waits_for_no_scipy() -> None:
    """Every stage and `repro` read it before anything else; scipy doubled the time."""
    code = "import sys, teacherspec.check.run, teacherspec.cli.repro\nprint('scipy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (result.stdout, result.stderr) == ("False\n", "")
