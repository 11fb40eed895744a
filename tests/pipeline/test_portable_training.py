"""A portable training gives the same bytes on other types of CPU, shown under emulation (qemu-user).

TEACHERSPEC_QEMU=/path/to/qemu-x86_64 python -m pytest -m slow tests/pipeline/test_portable_training.py
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from teacherspec.runtime.cpu_determinism import PINS

ROOT = Path(__file__).parents[2]
QEMU = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
TRAIN = """\
import sys
from pathlib import Path
from tests.toys.text import toy_base, toy_prepared
from teacherspec.runtime.atomic_io import sha256_file
from teacherspec.runtime.cpu_determinism import pin
from teacherspec.spec.finetune import Finetune
from teacherspec.finetune.inputs import Training
from teacherspec.finetune.train import finetune
from teacherspec.run_records.arithmetic_fingerprint import fingerprint
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.text_classification.task import TextClassification
pin()
place = Path(sys.argv[1])
task = TextClassification(kind="text_classification", max_length=16)
(place / "prepared").mkdir(parents=True)
prepared = toy_prepared(place / "prepared", train=48, other=16)
section = Finetune(epochs=1, batch_size=16, learning_rate=5e-3)
training = Training(task, section, toy_base(place / "base"), prepared, ModelInit())
finetune(training, place / "run", place / "out")
print(fingerprint(), sha256_file(place / "out/model/model.safetensors"))
"""


def trained(place: Path, emulated: list[str]) -> list[str]:
    found = subprocess.run(
        [*emulated, sys.executable, "-c", TRAIN, str(place)],
        cwd=ROOT,
        env={**os.environ, **PINS, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.split()[-2:]


@pytest.mark.slow
@pytest.mark.skipif(QEMU is None, reason="qemu-user is not installed (apt-get install qemu-user)")
@pytest.mark.parametrize("cpu", ["Haswell", "EPYC-Rome"])
def test_another_type_of_cpu_trains_to_the_same_bytes(tmp_path: Path, cpu: str) -> None:
    native = trained(tmp_path / "native", [])
    assert trained(tmp_path / cpu, [str(QEMU), "-cpu", cpu])[1] == native[1]
