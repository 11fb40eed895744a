"""Processes that compute one stage together, such as the ranks of a DDP training.

A launcher (accelerate, torchrun) starts the same program several times. All processes compute; the main
process, rank 0, writes. With a single process every function is trivial.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from teacherspec.runtime import machine

TIMEOUT = timedelta(days=7)
"""How long processes wait for each other: the main process may merge and write for hours. Where one dies, the
launcher ends the others long before that."""

Value = TypeVar("Value")
Part = TypeVar("Part")


def is_main_process() -> bool:
    """Whether this process is the one that writes."""
    return machine.rank() == 0


def init() -> None:
    """Connect to the other processes; does nothing where there are none, or it was done before."""
    if machine.processes() > 1:
        from accelerate.state import PartialState

        machine.load_weights_on_every_process()
        PartialState(cpu=not machine.has_accelerator(), timeout=TIMEOUT)
        _cpu_group()


def shutdown() -> None:
    """Disconnect from the other processes; nothing in this module works afterwards."""
    if machine.processes() > 1:
        import torch.distributed as dist

        if dist.is_initialized():
            barrier()
            dist.destroy_process_group()
            _cpu_group.cache_clear()


def leave_group() -> bool:
    """Disconnect all processes; the main process continues alone, with all devices.

    Returns:
        Whether this is the main process.
    """
    shutdown()
    is_main = is_main_process()
    machine.clear_launch_variables()
    return is_main


def shard(items: Sequence[Part]) -> Sequence[Part]:
    """This process's share of `items`: every n-th, so that neighbours of similar size are spread evenly."""
    return items[machine.rank() :: machine.processes()]


def all_gather(parts: Sequence[Part]) -> list[Part]:
    """The results of all processes in the order of the items, from each process's results for its `shard`."""
    if machine.processes() == 1:
        return list(parts)
    import torch.distributed as dist

    gathered: list[Any] = [None] * machine.processes()
    dist.all_gather_object(gathered, list(parts), group=_cpu_group())
    longest = max(map(len, gathered))
    return [shares[place] for place in range(longest) for shares in gathered if place < len(shares)]


def broadcast(value: Value) -> Value:
    """What the main process has for `value`."""
    if machine.processes() == 1:
        return value
    import torch.distributed as dist

    values: list[Any] = [value]
    dist.broadcast_object_list(values, src=0, group=_cpu_group())
    of_main: Value = values[0]
    return of_main


def barrier() -> None:
    """Wait until all processes have called this."""
    all_gather([])


@cache
def _cpu_group() -> Any:
    """The gloo group for everything but tensors of the model, so that it takes no memory of accelerators."""
    import torch.distributed as dist

    return dist.new_group(backend="gloo", timeout=TIMEOUT)
