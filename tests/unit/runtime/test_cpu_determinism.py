"""Under the pins the arithmetic is the same whatever the surroundings say; without them it is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from teacherspec.errors import UserError
from teacherspec.runtime.atomic_io import write_json
from teacherspec.runtime.cpu_determinism import PINS, pin, pin_as_trained, pinned

ROOT = Path(__file__).parents[3]
PINNED = """\
from teacherspec.runtime.cpu_determinism import pin
pin()
from teacherspec.run_records.arithmetic_fingerprint import fingerprint
import torch
print(fingerprint(), torch.get_num_threads(), torch.cuda.is_available())
"""
FREE = PINNED.replace("pin()\n", "")


def printed(code: str, **environment: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name not in PINS}
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.split()


SURROUNDINGS: list[dict[str, str]] = [
    {},
    {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "AUTO", "OMP_NUM_THREADS": "2"},
]


def test_the_pins_hold_whatever_the_surroundings_say() -> None:
    first, second = (printed(PINNED, **surroundings) for surroundings in SURROUNDINGS)
    assert first == second
    assert first[1:] == ["1", "False"]


def test_without_pins_another_instruction_set_gives_other_bits() -> None:
    """The negative control: the fingerprint tells what the pins prevent."""
    first = printed(FREE, ATEN_CPU_CAPABILITY="default")
    second = printed(FREE, ATEN_CPU_CAPABILITY="avx2")
    assert first[0] != second[0]


def test_pinning_after_torch_is_loaded_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PINS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", sys)
    with pytest.raises(UserError, match="variables that torch reads when it is loaded"):
        pin()


def test_what_uses_a_model_is_pinned_as_it_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PINS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", sys)
    write_json(tmp_path / "training.json", {"declared": {"reproducibility": "same_machine"}})
    pin_as_trained(tmp_path)
    assert not pinned()
    write_json(tmp_path / "training.json", {"declared": {"reproducibility": "portable"}})
    with pytest.raises(UserError):
        pin_as_trained(tmp_path)
