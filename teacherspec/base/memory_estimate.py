"""Memory that fine-tuning a base needs, from its parameters and one forward pass on real rows."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import BaseModelError
from teacherspec.runtime.machine import memory_bytes
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary, MemoryProbe
from teacherspec.tasks.shared.interfaces.model import Batch

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

GIBIBYTE = 1 << 30
FLOAT32_BYTES = 4
ADAMW_STATES = 2

ASSUMPTIONS = (
    "float32 weights and gradients, two AdamW states; activations measured in training mode on the longest "
    "examples, without gradient checkpointing, scaled linearly to task.max_length; LoRA needs weights, "
    "activations and 16 bytes per adapter parameter"
)


def activation_bytes(
    forward: "Callable[[PreTrainedModel, Batch], torch.Tensor]", model: "PreTrainedModel", batch: Batch
) -> "tuple[int, torch.Tensor]":
    """Bytes that one forward pass of `batch` keeps for the backward pass, and its logits.

    Counts what autograd saves, once per storage, without the weights themselves. The model is left as it was:
    BatchNorm would keep statistics of this one batch.
    """
    import torch

    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    saved: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.train(True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = forward(model, batch)
    model.train(False)
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])
    return sum(saved.values()), logits.detach()


def require_memory(built: BaseSummary, folder: Path) -> None:
    """Refuse a base whose weights alone this machine cannot hold, before it is loaded.

    Raises:
        BaseModelError: the weights in float32 are larger than main memory.
    """
    needed, present = built.parameters * FLOAT32_BYTES, memory_bytes()
    if needed > present:
        raise BaseModelError(
            f"{folder}: {built.parameters:,} parameters need {needed / GIBIBYTE:.1f} GiB in float32, "
            f"this machine has {present / GIBIBYTE:.1f} GiB; choose a smaller base or a larger machine"
        )


def memory_plan(parameters: int, activations: int, probe: MemoryProbe) -> dict[str, Any]:
    """Bytes by purpose.

    Args:
        parameters: of the model with its new head.
        activations: bytes kept for the backward pass of the batch.
        probe: the batch they were measured on.
    """
    weights = parameters * FLOAT32_BYTES
    optimizer = ADAMW_STATES * weights
    return {
        "weights": weights,
        "gradients": weights,
        "optimizer": optimizer,
        "full_without_activations": weights + weights + optimizer,
        "activations_per_example": round(activations / probe.size * probe.size_of_largest),
        "assumptions": ASSUMPTIONS,
    }
