"""Environment variables under which numpy and OpenBLAS compute the same bits on any x86-64 CPU with AVX2."""

import os
import platform
import sys
from collections.abc import Mapping

NUMPY_PINS = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Variables that numpy and its OpenBLAS read once, when they are loaded."""


def are_set(variables: Mapping[str, str]) -> bool:
    """Whether all these variables are set for this process."""
    return all(os.environ.get(name) == value for name, value in variables.items())


def restart(variables: Mapping[str, str]) -> None:
    """Replace this process by the same program with these variables."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, {**os.environ, **variables})  # noqa: S606 (no shell: the same program)


def pin_numpy() -> None:
    """Restart this program with `NUMPY_PINS` on an x86-64 CPU, unless set; for stages without torch.

    Called before `record_run` and before the imports of the work, which a restart would do twice.
    """
    if platform.machine() == "x86_64" and not are_set(NUMPY_PINS):
        restart(NUMPY_PINS)
