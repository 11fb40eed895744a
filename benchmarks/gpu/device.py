"""Time, memory and peak rate of the device."""

import time
from collections.abc import Callable

import torch

from benchmarks.gpu.shapes import Sizes

PEAKS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12, "B200": 2250e12}
"""Part of a device's name → its vendor's dense bfloat16 operations a second."""


def wait(sizes: Sizes) -> float:
    """Wait until the device has done all that it was given; the time then, in seconds."""
    if sizes.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(sizes: Sizes, work: Callable[[], object], repeats: int = 5) -> float:
    """Of the fastest of some calls, after one that warms up."""
    work()
    best = float("inf")
    for _ in range(repeats):
        began = wait(sizes)
        work()
        best = min(best, wait(sizes) - began)
    return best


def gemm_rate(sizes: Sizes) -> float:
    """Operations a second of a large product in bfloat16."""
    left, right = (torch.randn(sizes.gemm, sizes.gemm, device=sizes.device).bfloat16() for _ in range(2))
    return 2 * sizes.gemm**3 / seconds(sizes, lambda: left @ right)


def nominal_rate(sizes: Sizes) -> float | None:
    """The vendor's peak of this device, where it is known."""
    if sizes.device != "cuda":
        return None
    name = torch.cuda.get_device_name()
    return next((rate for part, rate in PEAKS.items() if part in name), None)


def peak_gib(sizes: Sizes) -> float | None:
    """Most memory that tensors took on the accelerator since the process began."""
    return torch.cuda.max_memory_allocated() / (1 << 30) if sizes.device == "cuda" else None
