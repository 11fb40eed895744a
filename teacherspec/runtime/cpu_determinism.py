"""Environment variables under which every x86-64 CPU with AVX2 computes the same bits.

Measured on BERT, GPT-2, ViT and ResNet natively and under emulation of two other CPU types: all three limits
on instruction sets are needed, and a fixed number of threads, float32 and the fused AdamW. MKL gives the same
bits on CPUs of every vendor only in its compatible mode, which computes products of matrices at about a third
of its speed; oneDNN under AVX2 gives the same bits at full speed, so these products go there.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from teacherspec.errors import UserError
from teacherspec.runtime.numpy_determinism import NUMPY_PINS, are_set, restart

if TYPE_CHECKING:
    import torch

PORTABLE = "portable"

THREADS = "2"

PINS = {
    **NUMPY_PINS,
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "OMP_NUM_THREADS": THREADS,
    "MKL_NUM_THREADS": THREADS,
    "CUDA_VISIBLE_DEVICES": "",
}
"""These and the variables that torch, oneDNN, MKL, OpenMP and CUDA read once, when they are loaded."""

_registrations: "list[torch.library.Library]" = []


def pinned() -> bool:
    """Whether all these variables are set for this process."""
    return are_set(PINS)


def pin() -> None:
    """Restart this program with `PINS`, unless they are set; then multiply matrices by oneDNN.

    Raises:
        UserError: torch is loaded already, and has read the variables.
    """
    if pinned():
        multiply_by_onednn()
        return
    if "torch" in sys.modules:
        wanted = " ".join(f"{name}={value!r}" for name, value in PINS.items())
        raise UserError(
            "base.reproducibility: portable needs variables that torch reads when it is loaded; "
            f"set {wanted} and run it again"
        )
    restart(PINS)


def declared_in(manifest: Path) -> str:
    """The `reproducibility` of a base's manifest; empty where it cannot be read, which its reader reports."""
    try:
        return str(json.loads(manifest.read_bytes())["reproducibility"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def pin_if_declared(reproducibility: str) -> bool:
    """`pin` where `base.reproducibility` is `portable`; whether it is.

    A stage calls this before `record_run` and before it imports what it works with: all that came before a
    restart is done twice.
    """
    if reproducibility == PORTABLE:
        pin()
    return reproducibility == PORTABLE


def multiply_by_onednn() -> None:
    """Give torch's float32 products of two matrices on the CPU, with their gradients, to oneDNN.

    Other types keep their kernel, by the variant with `out`, which is not replaced.
    """
    if _registrations:
        return
    import torch

    def product(a: "torch.Tensor", b: "torch.Tensor") -> "torch.Tensor":
        if a.dtype != torch.float32 or 0 in (*a.shape, *b.shape):
            return torch.mm(a, b, out=a.new_empty(0))
        linear = torch.ops.mkldnn._linear_pointwise.default
        found: torch.Tensor = linear(a.contiguous(), b.t().contiguous(), None, "none", [], "")
        return found

    def sum_and_product(
        bias: "torch.Tensor", a: "torch.Tensor", b: "torch.Tensor", *, beta: float = 1, alpha: float = 1
    ) -> "torch.Tensor":
        if (beta, alpha) != (1, 1):
            return torch.addmm(bias, a, b, beta=beta, alpha=alpha, out=a.new_empty(0))
        return product(a, b).add_(bias)

    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch reports every kernel that is replaced
        library.impl("mm", product, "CPU")  # type: ignore[no-untyped-call]
        library.impl("addmm", sum_and_product, "CPU")  # type: ignore[no-untyped-call]
    _registrations.append(library)
