"""What belongs to the machine and never to the teacher.

`params.yaml` describes the teacher; this module is the one place that asks the machine. Nothing here
may change a result beyond the tolerance of floating-point reordering.
"""

import os
import platform
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from teacherspec.errors import UserError
from teacherspec.runtime.process_lifetime import is_launched

MICRO_BATCH = "TEACHERSPEC_MICRO_BATCH"
ACCELERATE = "TEACHERSPEC_ACCELERATE"
LAUNCHER = "TEACHERSPEC_LAUNCHER"

LAID_OUT_BY = ("ACCELERATE_USE_", "DEEPSPEED_", "FSDP_")
"""How the variables begin by which accelerate tells its processes who holds which part of a model."""

WORKERS = "TEACHERSPEC_WORKERS"
MOST_WORKERS = 8
CHECKPOINTING = "TEACHERSPEC_CHECKPOINTING"
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


def processes() -> int:
    """How many processes compute this stage together."""
    return int(os.environ["WORLD_SIZE"]) if is_launched() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return int(os.environ["RANK"]) if is_launched() else 0


def clear_launch_variables() -> None:
    """Be one process from now on."""
    os.environ.pop("LOCAL_RANK", None)


def launch_variables() -> dict[str, str]:
    """How the processes share the work, as told by their launcher; empty where there is but one.

    Only a training laid out alike can go on from a checkpoint: each process has its own random state.
    """
    if processes() == 1:
        return {}
    told = {name: value for name, value in os.environ.items() if name.startswith(LAID_OUT_BY)}
    return {"processes": str(processes()), **told}


def shards_model() -> bool:
    """Whether accelerate is told to share the model itself among the processes with FSDP."""
    return _is_on("ACCELERATE_USE_FSDP")


def holds_whole_model() -> bool:
    """Whether every process holds all of the model: neither FSDP nor DeepSpeed shares it out."""
    return not (shards_model() or _is_on("ACCELERATE_USE_DEEPSPEED"))


def set_mixed_precision(precision: str) -> None:
    """Have accelerate compute as declared (`no` for float32, or `bf16`), whatever its configuration says.

    transformers 5.23 takes the precision of that configuration wherever none is switched on, so that a
    machine's default would decide what the teacher learns.
    """
    os.environ["ACCELERATE_MIXED_PRECISION"] = precision


def set_fsdp_wrap(names: Sequence[str]) -> None:
    """Have accelerate share a model out by blocks of these classes, unless its configuration names some."""
    if names and os.environ.get("FSDP_AUTO_WRAP_POLICY") == "TRANSFORMER_BASED_WRAP":
        os.environ.setdefault("FSDP_TRANSFORMER_CLS_TO_WRAP", ",".join(names))


def load_weights_on_every_process() -> None:
    """Have every process load all weights itself, whatever its configuration of accelerate says.

    Where transformers 5.23 loads them in the first alone, the optimizer of the others loses parameters
    (`KeyError` at the first checkpoint), and a stage that only asks a model would ask an empty one.
    """
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"


def hide_accelerators() -> None:
    """Have this process and those that it starts compute on the CPU."""
    os.environ["ACCELERATE_USE_CPU"] = "true"


def launch_command() -> list[str]:
    """The command of `TEACHERSPEC_LAUNCHER`, which starts a module on all machines; empty without."""
    return shlex.split(os.environ.get(LAUNCHER, ""))


def accelerate_config() -> Path | None:
    """accelerate's configuration of this machine: the file `TEACHERSPEC_ACCELERATE`, or its own default.

    None where there is none, or the variable says `none`.

    Raises:
        UserError: the variable names no file.
    """
    given = os.environ.get(ACCELERATE)
    if given is None:
        caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
        home = Path(os.environ.get("HF_HOME", f"{caches}/huggingface")).expanduser()
        default = home / "accelerate" / "default_config.yaml"
        return default if default.is_file() else None
    if given == "none":
        return None
    if not Path(given).is_file():
        raise UserError(
            f"{ACCELERATE}: given {given!r}, which is no file; allowed: a file that `accelerate config "
            "--config_file FILE` wrote, or none for one process"
        )
    return Path(given)


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in {"1", "true", "yes"}


def batch_layout(batch_size: int) -> Placement:
    """Split a global batch of `batch_size` examples over processes and micro-batches.

    The micro-batch comes from the environment variable `TEACHERSPEC_MICRO_BATCH`; without it, a process
    takes its whole share at once.

    Raises:
        UserError: the share of a process, or the micro-batch, does not divide the global batch.
    """
    count = processes()
    if batch_size % count:
        raise UserError(
            f"finetune.batch_size: {batch_size} examples cannot be shared by {count} processes; "
            f"start a number of processes that divides {batch_size}"
        )
    share = batch_size // count
    given = os.environ.get(MICRO_BATCH, str(share))
    if not given.isdigit() or int(given) < 1 or share % int(given):
        divisors = [n for n in range(1, share + 1) if share % n == 0]
        raise UserError(
            f"{MICRO_BATCH}: given {given!r}; allowed: a divisor of the {share} examples a process takes "
            f"per step ({', '.join(map(str, divisors))})"
        )
    return Placement(micro_batch=int(given), accumulation=share // int(given))


def checkpointing() -> bool:
    """Whether the backward pass computes activations again instead of keeping them: slower, less memory.

    From the environment variable `TEACHERSPEC_CHECKPOINTING`, 1 for yes; what is trained is the same.

    Raises:
        UserError: it is neither 0 nor 1.
    """
    given = os.environ.get(CHECKPOINTING, "0")
    if given not in ("0", "1"):
        raise UserError(f"{CHECKPOINTING}: given {given!r}; allowed: 1 to compute activations again, or 0")
    return given == "1"


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

    From the environment variable `TEACHERSPEC_WORKERS`; without it, its share of the cores less the one
    it trains on, at most `MOST_WORKERS`. The examples are the same whoever makes them.

    Raises:
        UserError: the variable is no whole number.
    """
    given = os.environ.get(WORKERS)
    if given is None:
        beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if is_launched() else 1
        return max(0, min(MOST_WORKERS, len(os.sched_getaffinity(0)) // beside - 1))
    if not given.isdigit():
        raise UserError(f"{WORKERS}: given {given!r}; allowed: a whole number from 0")
    return int(given)


def memory_bytes() -> int:
    """Main memory of this machine, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def has_accelerator() -> bool:
    """Whether torch sees a CUDA device, and accelerate is not told to leave it alone."""
    import torch

    return torch.cuda.is_available() and not _is_on("ACCELERATE_USE_CPU")


def device() -> str:
    """Name of the device on which this process computes."""
    if not has_accelerator():
        return "cpu"
    import torch

    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"


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
