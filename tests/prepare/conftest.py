from pathlib import Path

import pytest

from tests.prepare.workshop import Workshop, text_fields


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, text_fields())
