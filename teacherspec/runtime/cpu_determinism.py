"""Environment variables under which every x86-64 CPU with AVX2 computes the same bits.

Measured on BERT, GPT-2, ViT and ResNet natively and under emulation of two other CPU types: all three limits
on instruction sets are needed, and a fixed number of threads, float32 and the fused AdamW. It is slower: one
thread, no AVX-512, no accelerator.
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
"""Variables that torch, oneDNN, MKL, OpenMP and CUDA read once, when they are loaded."""


def pinned() -> bool:
    """Whether all these variables are set for this process."""
    return all(os.environ.get(name) == value for name, value in PINS.items())


def pin() -> None:
    """Restart this program with these variables, unless they are set.

    Raises:
        UserError: torch is loaded already, and has read the variables.
    """
    if pinned():
        return
    if "torch" in sys.modules:
        wanted = " ".join(f"{name}={value}" for name, value in PINS.items())
        raise UserError(
            "finetune.reproducibility: portable needs variables that torch reads when it is loaded; "
            f"set {wanted} and run it again"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, {**os.environ, **PINS})  # noqa: S606 (no shell: the same program)


def pin_as_trained(finetuned: Path) -> bool:
    """Set the variables where the model was trained with them.

    Args:
        finetuned: output folder of `finetune`, whose `training.json` holds the declaration.

    Returns:
        Whether the model was trained portably.
    """
    portable: bool = read_json(finetuned / "training.json")["declared"].get("reproducibility") == PORTABLE
    if portable:
        pin()
    return portable
