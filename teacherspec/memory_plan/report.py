"""The memory plan as text: every method of training this base, the memory it needs, and whether it fits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from teacherspec.memory_plan.config_shapes import FLOAT32_BYTES, NF4_BYTES, Shapes, shapes
from teacherspec.memory_plan.sharding import GIBIBYTE, RESERVED, Devices, Share, shared
from teacherspec.memory_plan.step_memory import Memory, Step, step_memory
from teacherspec.runtime.machine import CHECKPOINTING, MICRO_BATCH
from teacherspec.spec.finetune import Full, Lora

if TYPE_CHECKING:
    from transformers import PretrainedConfig

DECLARED = {
    "full": "finetune.method: {kind: full}",
    "lora": "finetune.method: {kind: lora}",
    "qlora": "finetune.method: {kind: lora, quantize: nf4}",
}
"""Way to train → what declares it."""

HEADER = (
    "method", "checkpointing", "trained", "weights", "gradients", "optimizer", "activations", "peak", "fits"
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """One way to train.

    Attributes:
        method: `full`, `lora` or `qlora`.
        checkpointing: whether activations are computed again in the backward pass.
        memory: of the step on one device.
        share: of each of the devices.
        micro_batch: largest that fits, 0 where the planned one does not.
    """

    method: str
    checkpointing: bool
    memory: Memory
    share: Share
    micro_batch: int

    @property
    def fits(self) -> bool:
        """Whether the planned micro-batch fits."""
        return self.micro_batch > 0


@dataclass(frozen=True)
class Plan:
    """The memory plan of one base.

    Attributes:
        shapes: counts that no batch changes.
        step: what was planned for.
        devices: where.
        ways: every method with and without checkpointing.
    """

    shapes: Shapes
    step: Step
    devices: Devices
    ways: Sequence[Way]


def make_plan(config: "PretrainedConfig", class_name: str, lora: Lora, step: Step, devices: Devices) -> Plan:
    """Plan every way to train the model of `config`.

    Args:
        config: of the base.
        class_name: Auto class of its model with head.
        lora: ranks and targets for `lora` and `qlora`.
        step: micro-batch, length and arithmetic; its own `checkpointing` is ignored.
        devices: what there is.

    Raises:
        UserError: the declared LoRA targets name no layer.
    """
    counts = shapes(config, class_name)
    measured = []
    for checkpointing in (False, True):
        tried = replace(step, checkpointing=checkpointing)
        full = step_memory(config, class_name, Full(), tried)
        low_rank = step_memory(config, class_name, lora, tried)
        memories = (full, low_rank, quantised(low_rank, counts))
        measured += [(name, checkpointing, memory) for name, memory in zip(DECLARED, memories, strict=True)]
    ways = [_way(counts, step, devices, *one) for one in measured]
    return Plan(counts, step, devices, ways)


def place(plan: Plan, devices: Devices) -> Plan:
    """The same plan on other devices."""
    ways = [
        _way(plan.shapes, plan.step, devices, way.method, way.checkpointing, way.memory) for way in plan.ways
    ]
    return replace(plan, devices=devices, ways=ways)


def _way(
    counts: Shapes, step: Step, devices: Devices, method: str, checkpointing: bool, memory: Memory
) -> Way:
    layer = counts.layer * (NF4_BYTES if method == "qlora" else FLOAT32_BYTES)
    share = shared(memory, layer, devices, accumulate=step.accumulate)
    most = max(1, share.micro_batch(devices.usable, step.examples))
    return Way(method, checkpointing, memory, share, most if share.peak <= devices.usable else 0)


def quantised(memory: Memory, counts: Shapes) -> Memory:
    """LoRA's memory with the backbone's linear layers in 4 bits (NF4, scales doubly quantised)."""
    saved = counts.linear * (FLOAT32_BYTES - NF4_BYTES)
    return replace(
        memory,
        weights=memory.weights - saved,
        forward=memory.forward - saved,
        backward=memory.backward - saved,
    )


def lines(plan: Plan) -> Iterator[str]:
    """The plan line by line."""
    devices, step = plan.devices, plan.step
    yield (
        f"{plan.shapes.parameters:,} parameters; {step.examples} examples of {step.length} a micro-batch, "
        f"{'bf16 over float32 weights' if step.bf16 else 'fp32'}"
    )
    sharded = ", weights, gradients and optimizer states sharded" if devices.count > 1 else ""
    yield f"{devices.count} x {devices.name} of {devices.size / GIBIBYTE:.1f} GiB{sharded}; GiB on each:"
    yield ""
    yield from _aligned([HEADER, *map(_cells, plan.ways)])
    yield ""
    if plan.shapes.cache is not None:
        yield (
            f"generation keeps {plan.shapes.cache / 1024:.0f} KiB a token (16-bit): "
            f"{plan.shapes.cache * step.length / GIBIBYTE:.2f} GiB for one text of {step.length} tokens"
        )
    yield f"counted on shapes alone; {RESERVED:.0%} of each device are left for its context and fragments"
    yield advice(plan)


def advice(plan: Plan) -> str:
    """What to do, in one sentence."""
    fitting = sorted((way for way in plan.ways if way.fits), key=lambda way: way.checkpointing)
    if not fitting:
        return f"nothing fits: {_remedy(plan)}"
    best = fitting[0]
    again, switch = (" with checkpointing", f" and {CHECKPOINTING}=1") if best.checkpointing else ("", "")
    return (
        f"{best.method}{again} fits, with micro-batches of up to about {best.micro_batch}: declare "
        f"{DECLARED[best.method]}; set {MICRO_BATCH} to a divisor of finetune.batch_size up to that{switch}"
    )


def _remedy(plan: Plan) -> str:
    """What would make the method with the smallest peak fit."""
    least = min(plan.ways, key=lambda way: way.share.peak)
    free = plan.devices.usable - least.share.activations - least.share.gathered
    if free <= 0.0:
        return "the activations of one micro-batch alone are too large; shorten its examples"
    count = int(least.memory.static // free) + 1
    return f"it takes about {count} such devices for {least.method} with checkpointing, or larger ones"


def _cells(way: Way) -> tuple[str, ...]:
    share, memory = way.share, way.memory
    portion = share.static / memory.static
    sizes = (memory.weights * portion, memory.gradients * portion, memory.optimizer * portion)
    return (
        way.method,
        "yes" if way.checkpointing else "no",
        f"{memory.trained / memory.parameters:.2%}",
        *(f"{size / GIBIBYTE:.2f}" for size in (*sizes, share.activations, share.peak)),
        f"up to {way.micro_batch}" if way.fits else "no",
    )


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
