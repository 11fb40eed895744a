"""What most tests of a training need: a toy base, toy splits, and a folder of their own to write to."""

from pathlib import Path

import pytest

from teacherspec.splits import Prepared
from tests.toys.text import toy_base, toy_prepared


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return toy_prepared(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(autouse=True)
def _working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
