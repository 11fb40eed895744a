"""The class of hardware that a stage ran on: what may change the last bits of a float, nothing private."""

import platform
import sys
from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import read_json, write_json
from teacherspec.runtime.machine import processes, rank
from teacherspec.runtime.process_lifetime import HARDWARE, launch_folder

CPUINFO = Path("/proc/cpuinfo")


def hardware() -> dict[str, Any]:
    """Architecture, CPU model, instruction set and threads that the stage used, and its accelerator.

    Where several processes computed the stage: the hardware of the first of them, and their number.
    Libraries that the stage did not load are not loaded for this.
    """
    folder = launch_folder()
    if folder is not None and (folder / HARDWARE).is_file():
        of_first: dict[str, Any] = read_json(folder / HARDWARE)
        return of_first
    return _here()


def share_hardware() -> None:
    """Write the hardware of this process for the launcher of several processes, which writes the record."""
    folder = launch_folder()
    if folder is not None and rank() == 0:
        write_json(folder / HARDWARE, {**_here(), "processes": processes()})


def _here() -> dict[str, Any]:
    found: dict[str, Any] = {"machine": platform.machine(), "cpu": _cpu(), "accelerator": "none"}
    if "torch" in sys.modules:
        import torch

        found["instructions"] = torch.backends.cpu.get_cpu_capability()
        found["threads"] = torch.get_num_threads()
        if torch.cuda.is_available():
            found["accelerator"] = torch.cuda.get_device_name(0)
    else:
        from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

        found["threads"] = max((pool["num_threads"] for pool in threadpool_info()), default=1)
    return found


def _cpu() -> str:
    if CPUINFO.is_file():
        for line in CPUINFO.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
