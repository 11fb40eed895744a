"""`teacherspec plan-memory`."""

from pathlib import Path

import click

from teacherspec.errors import UserError
from teacherspec.runtime.entrypoint import report_user_errors
from teacherspec.runtime.terminal import print_lines


@click.command("plan-memory")
@click.argument("config", type=click.Path(path_type=Path))
@click.option(
    "--task",
    default="text-generation",
    show_default=True,
    help="Task as the hub names it; it decides the head.",
)
@click.option("--device", default="h100", show_default=True, help="Name of the accelerator, or its GB.")
@click.option("--devices", default=1, show_default=True, type=click.IntRange(1), help="How many of them.")
@click.option(
    "--length", default=1024, show_default=True, type=click.IntRange(1), help="Tokens of an example."
)
@click.option("--supervised", type=click.IntRange(1), help="How many of these are supervised; default half.")
@click.option(
    "--micro-batch", default=1, show_default=True, type=click.IntRange(1), help="Examples at a time."
)
@click.option("--precision", default="bf16", show_default=True, type=click.Choice(["fp32", "bf16"]))
@click.option("--rank", default=16, show_default=True, type=click.IntRange(1), help="Rank of LoRA and QLoRA.")
@report_user_errors()
def command(
    config: Path,
    task: str,
    device: str,
    devices: int,
    length: int,
    supervised: int | None,
    micro_batch: int,
    precision: str,
    rank: int,
) -> None:
    """Estimate the memory that fine-tuning the model of CONFIG needs, and what fits, without its weights.

    CONFIG is a config.json, or a folder that holds one.

    Exit code 0: estimated; 1: the config cannot be used.
    """
    from teacherspec.memory_plan.config_shapes import auto_class, read_config
    from teacherspec.memory_plan.report import lines, make_plan
    from teacherspec.memory_plan.sharding import DEVICES, Devices
    from teacherspec.memory_plan.step_memory import Step
    from teacherspec.spec.finetune import Lora

    size = DEVICES.get(device.lower()) or _gigabytes(device)
    if size is None:
        raise UserError(
            f"--device: no size known for {device!r}; give its memory in GB, or one of {', '.join(DEVICES)}"
        )
    read = read_config(config)
    generates = task == "text-generation"
    step = Step(
        examples=micro_batch,
        length=length,
        supervised=(supervised or max(1, length // 2)) if generates else None,
        bf16=precision == "bf16",
        accumulate=True,
    )
    plan = make_plan(
        read, auto_class(task, read), Lora(kind="lora", rank=rank), step, Devices(device, size * 1e9, devices)
    )
    for line in lines(plan):
        print_lines(line)


def _gigabytes(text: str) -> float | None:
    try:
        size = float(text.lower().removesuffix("gb"))
    except ValueError:
        return None
    return size if 0 < size < float("inf") else None
