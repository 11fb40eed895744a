"""Where a model computes that is only asked: on one device, or layer by layer on all where none holds it."""

import math
from pathlib import Path
from typing import Any

from teacherspec.runtime import machine

ROOM_FOR_BATCHES = 1.2
"""Free memory that one device needs, as a multiple of the weights, to hold model and batches."""


def place(model: Any) -> Any:
    """The model on the device of this process, or over all devices where it does not fit that one."""
    return model.to(machine.device()) if fits(model) else spread(model)


def fits(model: Any) -> bool:
    """Whether the device of this process holds the model and batches for it."""
    tensors = [*model.parameters(), *model.buffers()]
    weights: int = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return ROOM_FOR_BATCHES * weights <= free()


def fits_each(folder: Path) -> bool:
    """Whether each of several processes can hold the model in `folder`, and the base beside it, by itself."""
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return machine.processes() == 1 or 2 * ROOM_FOR_BATCHES * weights <= free()


def free() -> float:
    """Bytes that the device of this process can still give; main memory counts as endless."""
    import torch

    device = machine.device()
    return math.inf if device == "cpu" else float(torch.cuda.mem_get_info(device)[0])


def spread(model: Any, memory: dict[int | str, int | str] | None = None, main: str | None = None) -> Any:
    """The model's layers one after the other over all devices, and main memory for what is left.

    A batch visits one device after the other: large models at the speed of one device. It runs no block of
    layers apart that the architecture wants together.

    Args:
        model: in main memory.
        memory: bytes (or `10GiB`) that each device may give; by default an even share of what is free.
        main: device that computes what others only keep, by default the first.
    """
    from accelerate import dispatch_model, infer_auto_device_map
    from accelerate.utils import get_balanced_memory

    together = list(model._no_split_modules or [])
    if memory is None:
        memory = get_balanced_memory(model, no_split_module_classes=together)
    layers = infer_auto_device_map(model, max_memory=memory, no_split_module_classes=together)
    return dispatch_model(model, layers, main_device=main)
