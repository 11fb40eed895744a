"""What fits on which accelerators: the memory of a step sharded over devices."""

from collections.abc import Mapping
from dataclasses import dataclass

from teacherspec.memory_plan.step_memory import Memory

GIBIBYTE = 1 << 30

DEVICES: Mapping[str, float] = {
    "t4": 16, "v100": 32, "l4": 24, "rtx3090": 24, "rtx4090": 24, "rtx5090": 32, "a10g": 24, "l40s": 48,
    "a6000": 48, "a100-40": 40, "a100": 80, "h100": 80, "h200": 141, "b200": 180, "mi300x": 192,
}  # fmt: skip
"""Name → memory as sold, in units of 10⁹ bytes."""

RESERVED = 0.08
"""Share of a device that its context, kernels and fragmentation take; an assumption, not measured."""


@dataclass(frozen=True)
class Devices:
    """Where a training would run.

    Attributes:
        name: of one device, for messages.
        size: its memory, bytes.
        count: number of devices, over which weights, gradients and optimizer states are sharded.
    """

    name: str
    size: float
    count: int = 1

    @property
    def usable(self) -> float:
        """Bytes of one device that tensors can take."""
        return self.size * (1.0 - RESERVED)


@dataclass(frozen=True)
class Share:
    """What one of the devices holds.

    Attributes:
        static: bytes of its shard of weights, gradients and optimizer states.
        gathered: bytes of the whole layers that are on it for a moment.
        activations: bytes kept for the backward pass, logits and temporary values, of one micro-batch.
        peak: bytes in use at most.
    """

    static: float
    gathered: float
    activations: float
    peak: float

    def micro_batch(self, usable: float, examples: int) -> int:
        """Largest micro-batch of about the same length that fits; `examples` were planned for."""
        left = usable - self.static - self.gathered
        return max(0, int(left * examples // max(self.activations, 1.0)))


def shared(memory: Memory, layer: float, devices: Devices, *, accumulate: bool) -> Share:
    """The memory of a step on one of several devices that shard everything but activations (FSDP2).

    Args:
        memory: of a step on one device.
        layer: bytes of the weights of one layer; two are gathered at a time, one computed, one fetched.
        devices: what there is.
        accumulate: whether gradients were live in the forward pass that was counted.
    """
    there = memory.weights + memory.optimizer + (memory.gradients if accumulate else 0.0)
    activations = max(0.0, memory.forward - there)
    static, gathered = memory.static / devices.count, 2.0 * layer if devices.count > 1 else 0.0
    forward = there / devices.count + gathered + activations
    backward = memory.backward / devices.count + gathered
    return Share(static, gathered, activations, max(forward, backward))
