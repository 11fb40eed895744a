"""Imports only go down, and what reads the environment sits in few, named places."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.policy.declared_code import REFUSE_ONLY
from tests.policy.import_closure import Project

ROOT = Path(__file__).parents[2]

LAYERS = (
    {"errors"},
    {"spec"},
    {"runtime"},
    {"generated_answers", "metrics", "splits"},
    {"model_files", "predictions", "plots", "text"},
    {"calibrators", "tasks"},
    {"evaluation_rows", "inference", "metric_names", "tracking"},
    {
        "check",
        "check_rows",
        "prepare",
        "base",
        "finetune",
        "evaluate",
        "calibrate",
        "probe",
        "ratings",
        "package",
    },
    {"memory_plan", "run_records", "serving"},
    {"compare", "export"},
    {"init", "release"},
    {"stages", "cli"},
    {"__main__"},
)
"""Packages from the ground up. A package imports itself and those of lower layers, none of its own layer."""

PURE = {
    "spec": {"errors"},
    "metrics": {"errors", "runtime"},
    "calibrate": {"calibrators", "errors", "metrics", "plots", "predictions", "runtime", "spec"},
    "calibrators": {"errors", "metrics", "predictions", "runtime", "spec"},
    "ratings": {"errors", "generated_answers", "metrics", "runtime", "spec"},
}
"""Packages that know no task and no model, and all that they may import."""

MODELS = {"torch", "transformers", "datasets", "peft", "accelerate"}

FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("teacherspec", "stages")
    for path in (ROOT / folder).rglob("*.py")
    if path.read_text().strip()
)
PROJECT = Project(ROOT, exempt=REFUSE_ONLY)


def package(file: str) -> str:
    """`tasks` for `teacherspec/tasks/shared/interfaces/kind.py`, `errors` for `teacherspec/errors.py`."""
    top, *inner = Path(file).with_suffix("").parts
    return inner[0] if top == "teacherspec" else top


def layer(name: str) -> int:
    return next(height for height, names in enumerate(LAYERS) if name in names)


def imported(file: str) -> set[str]:
    """Packages that a file imports. The command line picks its commands by name."""
    return (
        {package(other) for other in PROJECT.imports(file)} if file != "teacherspec/cli/main.py" else {"cli"}
    )


def nodes(file: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse((ROOT / file).read_text()))


def libraries(file: str) -> set[str]:
    """Top-level names of everything that a file imports, wherever in it."""
    found = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def test_every_package_has_a_layer() -> None:
    assert len(FILES) > 40
    assert {package(file) for file in FILES} == set().union(*LAYERS)


@pytest.mark.parametrize("file", FILES)
def test_imports_only_go_down(file: str) -> None:
    here = package(file)
    wrong = {other for other in imported(file) if other != here and layer(other) >= layer(here)}
    assert not wrong, f"{file} imports {wrong}, which are no lower layers"


@pytest.mark.parametrize("name", PURE)
def test_what_only_computes_knows_no_task_and_no_model(name: str) -> None:
    for file in (file for file in FILES if package(file) == name):
        assert imported(file) <= PURE[name] | {name}, file
        assert not libraries(file) & MODELS, file


def test_only_entrypoints_and_the_command_line_know_click() -> None:
    assert {package(file) for file in FILES if "click" in libraries(file)} == {"stages", "cli"}


def test_package_files_are_empty() -> None:
    packages = {file for file in FILES if file.endswith("__init__.py")}
    allowed = {"teacherspec/serving/__init__.py", "teacherspec/tasks/__init__.py"}
    assert packages == allowed, (
        "only the list of kinds and the public load_teacher may stand in an __init__.py"
    )


READS_YAML = {
    "teacherspec/compare/revision.py",  # what other revisions declared
    "teacherspec/release/rebuild.py",  # the dvc.lock of another working tree
    "teacherspec/run_records/dvc_yaml.py",
    "teacherspec/runtime/entrypoint.py",
}
READS_ENVIRONMENT = {
    "teacherspec/runtime/bounded_child.py",  # silences a warning, in a process of its own
    "teacherspec/runtime/numpy_determinism.py",  # the pins of a portable teacher
    "teacherspec/runtime/machine.py",  # placement, which changes no result beyond the tolerance
    "teacherspec/tracking/destinations.py",  # where numbers are shown, which changes none
    "teacherspec/runtime/process_lifetime.py",  # whether DVC runs this process, and what commands inherit
}


def test_params_and_yaml_are_read_in_few_places() -> None:
    users = {file for file in FILES if libraries(file) & {"ruamel", "yaml"}}
    users |= {
        file
        for file in FILES
        for node in nodes(file)
        if isinstance(node, ast.Constant) and node.value == "params.yaml"
    }
    assert {file for file in users if "/parsing/" not in file} == READS_YAML


def test_the_environment_is_read_in_few_places() -> None:
    users = {
        file
        for file in FILES
        for node in nodes(file)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (isinstance(node, ast.ImportFrom) and node.module == "os")
    }
    assert users == READS_ENVIRONMENT


def modules_after(code: str, names: set[str]) -> list[str]:
    """Which of the named modules a fresh Python has loaded after running `code`."""
    program = f"import sys\n{code}\nprint(*sorted({names!r} & sys.modules.keys()))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert result.stderr == ""
    return result.stdout.split()


def test_help_and_checks_wait_for_no_heavy_library() -> None:
    entrypoints = ", ".join(f"stages.{Path(file).stem}" for file in FILES if file.startswith("stages/"))
    code = f"import teacherspec.check.run, teacherspec.cli.check, {entrypoints}"
    assert modules_after(code, {"torch", "transformers", "datasets", "matplotlib", "dvc"}) == []


def test_reading_the_declaration_imports_no_reader_no_image_code_and_no_evaluation() -> None:
    code = "import teacherspec.check.run, teacherspec.cli.repro"
    heavy = {"scipy", "PIL", "pyarrow", "fsspec", "teacherspec.prepare", "teacherspec.evaluate"}
    assert (
        modules_after(code, heavy | {"teacherspec.base", "teacherspec.calibrate", "teacherspec.package"})
        == []
    )
