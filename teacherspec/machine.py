"""What belongs to the machine and never to the teacher.

`params.yaml` describes the teacher; this module is the one place that asks the machine. Nothing here
may change a result beyond the tolerance of floating-point reordering.
"""

import os
import platform
from dataclasses import dataclass

from teacherspec.errors import UserError

MICRO_BATCH = "TEACHERSPEC_MICRO_BATCH"
WORKERS = "TEACHERSPEC_WORKERS"
MOST_WORKERS = 8
WORKING_MEMORY = "TEACHERSPEC_MEMORY_MIB"
DEFAULT_MEMORY_MIB = 1024


@dataclass(frozen=True)
class Placement:
    """How one optimizer step is laid out on this machine.

    Attributes:
        micro_batch: examples per forward pass and process.
        accumulation: forward passes per optimizer step.
    """

    micro_batch: int
    accumulation: int


def place(batch_size: int) -> Placement:
    """Split a global batch of `batch_size` examples over processes and micro-batches.

    The micro-batch comes from the environment variable `TEACHERSPEC_MICRO_BATCH`; without it, a process
    takes its whole share at once.

    Raises:
        UserError: the share of a process, or the micro-batch, does not divide the global batch.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if batch_size % processes:
        raise UserError(
            f"finetune.batch_size: {batch_size} examples cannot be shared by {processes} processes; "
            f"start a number of processes that divides {batch_size}"
        )
    share = batch_size // processes
    given = os.environ.get(MICRO_BATCH, str(share))
    if not given.isdigit() or int(given) < 1 or share % int(given):
        divisors = [n for n in range(1, share + 1) if share % n == 0]
        raise UserError(
            f"{MICRO_BATCH}: given {given!r}; allowed: a divisor of the {share} examples a process takes "
            f"per step ({', '.join(map(str, divisors))})"
        )
    return Placement(micro_batch=int(given), accumulation=share // int(given))


def working_memory() -> int:
    """Bytes that the arrays of one step of `prepare` may take: `TEACHERSPEC_MEMORY_MIB`, or 1 GiB.

    Raises:
        UserError: it is set to anything but a whole number of at least 16.
    """
    given = os.environ.get(WORKING_MEMORY, str(DEFAULT_MEMORY_MIB))
    if not given.isdigit() or int(given) < 16:
        raise UserError(f"{WORKING_MEMORY}: given {given!r}; allowed: a whole number of MiB, 16 at least")
    return int(given) << 20


def workers() -> int:
    """Processes that make examples beside the training, where making them takes time (images).

    From the environment variable `TEACHERSPEC_WORKERS`; without it, the cores left over by the training, at
    most `MOST_WORKERS`. The examples are the same whoever makes them.

    Raises:
        UserError: the variable is no whole number.
    """
    given = os.environ.get(WORKERS)
    if given is None:
        return min(MOST_WORKERS, len(os.sched_getaffinity(0)) - 1)
    if not given.isdigit():
        raise UserError(f"{WORKERS}: given {given!r}; allowed: a whole number from 0")
    return int(given)


def memory_bytes() -> int:
    """Main memory of this machine, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def has_accelerator() -> bool:
    """Whether torch sees a CUDA device."""
    import torch

    return torch.cuda.is_available()


def describe() -> dict[str, str | int]:
    """Hardware class and thread count, for records that no hash covers."""
    import torch

    accelerator = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    return {
        "machine": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "accelerator": accelerator,
    }
