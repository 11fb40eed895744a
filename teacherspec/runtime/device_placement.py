"""Where a model runs inference: on one device, or spread over all devices where no single one can hold it."""

import math
from pathlib import Path
from typing import Any

from teacherspec.runtime import machine

MEMORY_FACTOR = 1.2
"""Free memory that one device needs, as a multiple of the weights, to hold model and batches."""


def place(model: Any) -> Any:
    """Move the model to the device of this process, or spread it over all devices where it does not fit."""
    return model.to(machine.device()) if fits(model) else spread(model)


def fits(model: Any) -> bool:
    """Whether the device of this process has memory for the model and its batches."""
    tensors = [*model.parameters(), *model.buffers()]
    weights: int = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return MEMORY_FACTOR * weights <= free_memory()


def fits_each(folder: Path) -> bool:
    """Whether each of several processes has memory for the model in `folder` and the base together."""
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return machine.processes() == 1 or 2 * MEMORY_FACTOR * weights <= free_memory()


def free_memory() -> float:
    """Free bytes of the device of this process; main memory counts as infinite."""
    import torch

    device = machine.device()
    return math.inf if device == "cpu" else float(torch.cuda.mem_get_info(device)[0])


def spread(model: Any, memory: dict[int | str, int | str] | None = None, main: str | None = None) -> Any:
    """Spread the model's layers in their order over all devices, and main memory for the rest.

    A batch passes through one device after the other, so a large model runs at the speed of one device.
    Blocks that the architecture lists as not to be split stay on one device.

    Args:
        model: in main memory.
        memory: bytes (or `10GiB`) to use of each device; by default an even share of what is free.
        main: device that computes the layers which others only store, by default the first.
    """
    from accelerate import dispatch_model, infer_auto_device_map
    from accelerate.utils import get_balanced_memory

    unsplit = list(model._no_split_modules or [])
    if memory is None:
        memory = get_balanced_memory(model, no_split_module_classes=unsplit)
    layers = infer_auto_device_map(model, max_memory=memory, no_split_module_classes=unsplit)
    return dispatch_model(model, layers, main_device=main)
