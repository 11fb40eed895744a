"""Pins that make a CPU compute the same bits as any other x86-64 CPU with AVX2.

Measured on BERT, GPT-2, ViT and ResNet natively and under emulation of two other CPU types: all three
instruction pins are needed, beside a fixed number of threads, float32 and the fused AdamW. The price is
speed: one thread, no AVX-512, no accelerator.
"""

import os
import sys
from pathlib import Path

from teacherspec.errors import UserError
from teacherspec.runtime.atomic_io import read_json

PORTABLE = "portable"

PINS = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}
"""Read by torch, oneDNN, MKL, OpenMP and CUDA once, when they are loaded."""


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
        wanted = " ".join(f"{name}={value}" for name, value in PINS.items())
        raise UserError(
            "finetune.reproducibility: portable needs its pins before torch is loaded; "
            f"set {wanted} and run it again"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, {**os.environ, **PINS})  # noqa: S606 (no shell: itself again)


def pin_as_trained(finetuned: Path) -> bool:
    """Run what uses a fine-tuned model as portably as it was trained; whether that is portably.

    Args:
        finetuned: folder that `finetune` left, whose `training.json` says what was declared.
    """
    portable: bool = read_json(finetuned / "training.json")["declared"].get("reproducibility") == PORTABLE
    if portable:
        pin()
    return portable
