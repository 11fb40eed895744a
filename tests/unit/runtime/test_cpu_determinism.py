"""Under the pins the arithmetic is the same whatever the surroundings say; without them it is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from teacherspec.errors import UserError
from teacherspec.runtime.cpu_determinism import PINS, declared_in, pin

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
    {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "AUTO", "OMP_NUM_THREADS": "1"},
]


def test_the_pins_hold_whatever_the_surroundings_say() -> None:
    first, second = (printed(PINNED, **surroundings) for surroundings in SURROUNDINGS)
    assert first == second
    assert first[1:] == ["2", "False"]


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


PRODUCTS = """\
import torch
from teacherspec.runtime.cpu_determinism import pin
pin()
def product(rows, inner, columns, dtype=torch.float32):
    generator = torch.Generator().manual_seed(rows + inner)
    shapes = ((rows, inner), (inner, columns), (columns,))
    a, b, bias = (torch.randn(*shape, generator=generator).to(dtype) for shape in shapes)
    found = a @ b, torch.addmm(bias, a, b, alpha=2.0, beta=0.5)
    return *found, a.double() @ b.double(), bias.double()
for shape in ((5, 3, 4), (1, 1, 1), (64, 384, 20), (0, 3, 4), (5, 0, 4)):
    plain, added, exact, bias = product(*shape)
    assert torch.allclose(plain.double(), exact, atol=1e-4), shape
    assert torch.allclose(added.double(), 0.5 * bias + 2.0 * exact, atol=1e-4), shape
assert product(3, 4, 5, torch.float64)[0].dtype == torch.float64
layer = torch.nn.Linear(7, 3)
inputs = torch.randn(2, 5, 7, requires_grad=True)
layer(inputs).square().sum().backward()
found, rows = (x.detach().flatten(0, 1).double() for x in (layer(inputs), inputs))
assert torch.allclose(layer.weight.grad.double(), 2 * found.T @ rows, atol=1e-4)
with torch.profiler.profile() as profile:
    layer(inputs)
print("mkldnn::_linear_pointwise" in {event.key for event in profile.key_averages()})
"""


def test_products_of_matrices_are_right_and_computed_by_onednn() -> None:
    assert printed(PRODUCTS, **PINS) == ["True"]


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ('{"reproducibility": "portable"}', "portable"),
        ('{"reproducibility": "same_machine"}', "same_machine"),
        ("{}", ""),
        ("[]", ""),
        ("{", ""),
        ("", ""),
    ],
)
def test_a_manifest_that_cannot_be_read_declares_nothing(tmp_path: Path, text: str, declared: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    assert declared_in(tmp_path / "manifest.json") == declared
    assert declared_in(tmp_path / "none.json") == ""
