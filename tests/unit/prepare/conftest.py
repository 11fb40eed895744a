from pathlib import Path

import pytest

from tests.unit.prepare.toy_data import Workshop, text_fields


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, text_fields())


@pytest.fixture(autouse=True)
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not draw: a picture takes ten times as long as the rest, and has a test of its own."""
    monkeypatch.setattr("teacherspec.prepare.report.report.save_png", lambda figure, path: None)
