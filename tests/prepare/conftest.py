from pathlib import Path

import pytest

from tests.prepare.workshop import Workshop, text_fields


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, text_fields())


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a few pixels: drawing them well takes longer than the rest of the stage."""
    monkeypatch.setattr("teacherspec.plots.style.DPI", 20)
