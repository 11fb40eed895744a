import subprocess
import sys
from pathlib import Path

CODE = """\
from teacherspec.runtime.numpy_determinism import pin_numpy
pin_numpy()
import numpy
print(*numpy.__config__.show("dicts")["SIMD Extensions"]["found"])
"""


def test_numpy_uses_no_kernel_that_only_some_cpus_have() -> None:
    root = Path(__file__).parents[3]
    found = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) <= {"X86_V3"}
