"""Types of output have the same files, one table, and nothing from each other."""

from itertools import permutations
from pathlib import Path
from typing import get_args

import pytest

from teacherspec.evaluate import run
from teacherspec.tasks.shared.interfaces.declaration import OutputType

PACKAGE = Path(run.__file__).parent
FILES = {"evaluate.py", "findings.py", "metrics.py", "report.py"}


def test_the_table_holds_every_type_of_output() -> None:
    assert set(run.OUTPUT_TYPES) == set(get_args(OutputType))


@pytest.mark.parametrize("output_type", run.OUTPUT_TYPES)
def test_the_files_are_called_the_same(output_type: str) -> None:
    assert {path.name for path in (PACKAGE / output_type).iterdir()} >= FILES


@pytest.mark.parametrize(("one", "other"), list(permutations(run.OUTPUT_TYPES, 2)))
def test_no_type_of_output_imports_another(one: str, other: str) -> None:
    imports = f"from teacherspec.evaluate.{other}"
    assert [path for path in (PACKAGE / one).glob("*.py") if imports in path.read_text()] == []
