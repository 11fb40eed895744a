"""Pins that make a CPU compute the same bits as any other x86-64 CPU with AVX2.

Measured on BERT, GPT-2, ViT and ResNet natively and under emulation of two other CPU types: all three
variables are needed, beside a fixed number of threads, float32 and the fused AdamW.
"""

import os
import sys

from teacherspec.errors import UserError

PINS = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""Read by torch, oneDNN, MKL and OpenMP once, when they are loaded."""


def pinned() -> bool:
    """Whether this process runs under all pins."""
    return all(os.environ.get(name) == value for name, value in PINS.items())


def pin() -> None:
    """Start this program again under the pins, unless it runs under them.

    Raises:
        UserError: torch is loaded already, which has read the variables.
    """
    if pinned():
        return
    if "torch" in sys.modules:
        raise UserError(
            "finetune.reproducibility: portable needs its pins before torch is loaded; "
            f"set {' '.join(f'{name}={value}' for name, value in PINS.items())} and run it again"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, {**os.environ, **PINS})  # noqa: S606 (no shell: itself again)
