"""Reading a declaration imports no reader, no stage and no heavy library: sections are pure data."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = sorted((ROOT / "teacherspec" / "spec").rglob("*.py"))

LIBRARIES = {"PIL", "pyarrow", "torch", "transformers", "datasets", "fsspec", "cel", "scipy", "sklearn"}
STAGES = {path.stem for path in (ROOT / "stages").glob("[a-z]*.py")} - {"check"} | {"model_files"}
"""Packages of the stages that read rows or models, and one that opens models."""

VALIDATORS_OF_TEXT = {"fsspec", "cel"}
"""Libraries that validate an address or a filter expression; imported only where one is declared."""


@pytest.fixture(scope="module")
def modules() -> set[str]:
    """The modules that are loaded once the default declaration is validated."""
    code = (
        "import json, sys\nfrom pathlib import Path\nfrom teacherspec.check.run import check\n"
        "check(Path('params.yaml'))\nprint(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(json.loads(done.stdout))


def test_the_declaration_was_read(modules: set[str]) -> None:
    assert {
        "teacherspec.spec.prepare.prepare",
        "teacherspec.spec.prepare.sources",
        "teacherspec.spec.base",
    } <= modules


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_no_heavy_library_is_imported(modules: set[str], library: str) -> None:
    assert library not in modules


@pytest.mark.parametrize("package", sorted(STAGES))
def test_no_package_of_a_stage_is_imported(modules: set[str], package: str) -> None:
    name = f"teacherspec.{package}"
    assert [module for module in modules if module == name or module.startswith(f"{name}.")] == []


def imported(file: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize(
    "file",
    [
        file for file in SPEC if file.name != "calibrate.py"
    ],  # its methods are still the calibrators themselves
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_sections_import_sections_only(file: Path) -> None:
    own = [name for name in imported(file) if name.startswith("teacherspec.")]
    assert [name for name in own if not name.startswith(("teacherspec.spec.", "teacherspec.errors"))] == []


@pytest.mark.parametrize(
    "file",
    [file for file in SPEC if file.parent.name == "spec"],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_sections_need_no_library_but_pydantic(file: Path) -> None:
    top = {name.partition(".")[0] for name in imported(file)}
    allowed = {"teacherspec", "pydantic", "pydantic_core", *sys.stdlib_module_names, *VALIDATORS_OF_TEXT}
    assert top <= allowed
