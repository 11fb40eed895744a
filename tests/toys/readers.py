"""Programs that read packages but cannot share an environment with us: each in a folder of its own.

`make test-clients` installs them below `.venv/readers/`; a test that needs one is skipped without it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def reader(name: str) -> Path:
    """Folder of an installed reader; skips the test where it is not there."""
    folder = Path(os.environ.get("TEACHERSPEC_READERS", ROOT / ".venv/readers")) / name
    if not folder.is_dir():
        pytest.skip(f"needs {name} in {folder.parent.name}/: run `make test-clients`")
    return folder


def ask(name: str, program: str, *arguments: str | Path) -> Any:
    """What a program prints as JSON on its last line, run with a reader before all else on the path."""
    hidden = {"PYTHONPATH": str(reader(name)), "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, **hidden},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
