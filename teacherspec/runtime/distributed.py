"""Processes that compute one stage together. Each is a rank; the first writes, all of them compute.

A launcher (accelerate, torchrun) starts the same program several times; nothing here does. With one process
every function is what it would be without this module.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from teacherspec.runtime import machine

PATIENCE = timedelta(days=7)
"""How long ranks wait for each other: the first may merge and write for hours. A rank that dies is noticed
by the launcher, which ends the others; nothing hangs for so long."""

Value = TypeVar("Value")
Part = TypeVar("Part")


def is_main_process() -> bool:
    """Whether this process is the one that writes."""
    return machine.rank() == 0


def init() -> None:
    """Meet the other processes; does nothing where there are none, or they have met."""
    if machine.processes() > 1:
        from accelerate.state import PartialState

        machine.load_weights_on_every_process()
        PartialState(cpu=not machine.has_accelerator(), timeout=PATIENCE)
        _on_host()


def shutdown() -> None:
    """Part from the other processes; nothing of this module works afterwards."""
    if machine.processes() > 1:
        import torch.distributed as dist

        if dist.is_initialized():
            barrier()
            dist.destroy_process_group()
            _on_host.cache_clear()


def leave_group() -> bool:
    """Part from the other processes; the first goes on with all devices, as if it had been alone.

    Returns:
        Whether this is the first.
    """
    shutdown()
    first = is_main_process()
    machine.clear_launch_variables()
    return first


def shard(items: Sequence[Part]) -> Sequence[Part]:
    """This process's share of `items`: every n-th, so that neighbours of like size are shared out evenly."""
    return items[machine.rank() :: machine.processes()]


def all_gather(parts: Sequence[Part]) -> list[Part]:
    """All parts in the order of the items, from what each process made of its `own`; the same everywhere."""
    if machine.processes() == 1:
        return list(parts)
    import torch.distributed as dist

    found: list[Any] = [None] * machine.processes()
    dist.all_gather_object(found, list(parts), group=_on_host())
    longest = max(map(len, found))
    return [shares[turn] for turn in range(longest) for shares in found if turn < len(shares)]


def broadcast(value: Value) -> Value:
    """What the first process has for `value`."""
    if machine.processes() == 1:
        return value
    import torch.distributed as dist

    told: list[Any] = [value]
    dist.broadcast_object_list(told, src=0, group=_on_host())
    first: Value = told[0]
    return first


def barrier() -> None:
    """Go on when all processes have come here."""
    all_gather([])


@cache
def _on_host() -> Any:
    """Processes meet over gloo for everything that is no tensor of the model: device memory is dear."""
    import torch.distributed as dist

    return dist.new_group(backend="gloo", timeout=PATIENCE)
