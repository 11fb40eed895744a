"""Settings of the machine, which are no part of the declaration of the teacher.

`params.yaml` describes the teacher; this is the only module that reads the machine's configuration. None of
it may change a result by more than floating-point rounding.
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

SHARDING_VARIABLES = ("ACCELERATE_USE_", "DEEPSPEED_", "FSDP_")
"""Prefixes of the environment variables by which accelerate configures how a model is sharded."""

WORKERS = "TEACHERSPEC_WORKERS"
MAX_WORKERS = 8
CHECKPOINTING = "TEACHERSPEC_CHECKPOINTING"
WORKING_MEMORY = "TEACHERSPEC_MEMORY_MIB"
DEFAULT_MEMORY_MIB = 1024


@dataclass(frozen=True)
class BatchLayout:
    """How the batch of an optimizer step is divided on this machine.

    Attributes:
        micro_batch: examples per forward pass and process.
        accumulation: forward passes per optimizer step.
    """

    micro_batch: int
    accumulation: int


def processes() -> int:
    """Number of processes that compute this stage together."""
    return int(os.environ["WORLD_SIZE"]) if is_launched() else 1


def rank() -> int:
    """Rank of this process among them, from 0."""
    return int(os.environ["RANK"]) if is_launched() else 0


def clear_launch_variables() -> None:
    """Make this process a single one from now on."""
    os.environ.pop("LOCAL_RANK", None)


def launch_variables() -> dict[str, str]:
    """How the processes share the work, as configured by their launcher; empty for a single process.

    A checkpoint can be resumed only with the same layout, because each process has its own random state.
    """
    if processes() == 1:
        return {}
    sharding = {name: value for name, value in os.environ.items() if name.startswith(SHARDING_VARIABLES)}
    return {"processes": str(processes()), **sharding}


def shards_model() -> bool:
    """Whether accelerate is configured to shard the model over the processes with FSDP."""
    return _is_on("ACCELERATE_USE_FSDP")


def holds_whole_model() -> bool:
    """Whether every process holds the whole model: neither FSDP nor DeepSpeed shards it."""
    return not (shards_model() or _is_on("ACCELERATE_USE_DEEPSPEED"))


def set_mixed_precision(precision: str) -> None:
    """Have accelerate use the declared precision (`no` is float32, or `bf16`), whatever its configuration.

    Where no reduced precision is requested, transformers 5.23 takes the one of accelerate's configuration, so
    that a default of the machine would change the teacher.
    """
    os.environ["ACCELERATE_MIXED_PRECISION"] = precision


def set_fsdp_wrap(names: Sequence[str]) -> None:
    """Have accelerate shard a model by blocks of these classes, unless its configuration names some."""
    if names and os.environ.get("FSDP_AUTO_WRAP_POLICY") == "TRANSFORMER_BASED_WRAP":
        os.environ.setdefault("FSDP_TRANSFORMER_CLS_TO_WRAP", ",".join(names))


def load_weights_on_every_process() -> None:
    """Have every process load all weights itself, whatever the configuration of accelerate is.

    Where transformers 5.23 loads them in the main process only, the optimizer of the others loses parameters
    (`KeyError` at the first checkpoint), and a stage that runs inference would use an empty model.
    """
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"


def hide_accelerators() -> None:
    """Have this process, and those that it starts, compute on the CPU."""
    os.environ["ACCELERATE_USE_CPU"] = "true"


def launch_command() -> list[str]:
    """The command in `TEACHERSPEC_LAUNCHER`, which starts a module on all machines; empty where not set."""
    return shlex.split(os.environ.get(LAUNCHER, ""))


def accelerate_config() -> Path | None:
    """accelerate's configuration of this machine: the file `TEACHERSPEC_ACCELERATE`, or its own default file.

    None where there is no such file, or the variable is `none`.

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


def batch_layout(batch_size: int) -> BatchLayout:
    """Divide a global batch of `batch_size` examples into processes and micro-batches.

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
    return BatchLayout(micro_batch=int(given), accumulation=share // int(given))


def checkpointing() -> bool:
    """Whether to use gradient checkpointing: activations are recomputed in the backward pass, to save memory.

    From the environment variable `TEACHERSPEC_CHECKPOINTING`, 1 for yes; the result of training is the same.

    Raises:
        UserError: it is neither 0 nor 1.
    """
    given = os.environ.get(CHECKPOINTING, "0")
    if given not in ("0", "1"):
        raise UserError(f"{CHECKPOINTING}: given {given!r}; allowed: 1 to recompute activations, or 0")
    return given == "1"


def working_memory() -> int:
    """Bytes that the arrays of one step of `prepare` may use: `TEACHERSPEC_MEMORY_MIB`, or 1 GiB.

    Raises:
        UserError: it is set to anything but a whole number of at least 16.
    """
    given = os.environ.get(WORKING_MEMORY, str(DEFAULT_MEMORY_MIB))
    if not given.isdigit() or int(given) < 16:
        raise UserError(f"{WORKING_MEMORY}: given {given!r}; allowed: a whole number of MiB, 16 at least")
    return int(given) << 20


def workers() -> int:
    """Number of data-loading processes for training on examples that take time to decode (images).

    From the environment variable `TEACHERSPEC_WORKERS`; without it, this process's share of the cores minus
    the one it trains on, at most `MAX_WORKERS`. The examples do not depend on it.

    Raises:
        UserError: the variable is no whole number.
    """
    given = os.environ.get(WORKERS)
    if given is None:
        on_machine = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if is_launched() else 1
        return max(0, min(MAX_WORKERS, len(os.sched_getaffinity(0)) // on_machine - 1))
    if not given.isdigit():
        raise UserError(f"{WORKERS}: given {given!r}; allowed: a whole number from 0")
    return int(given)


def memory_bytes() -> int:
    """Main memory of this machine, in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def has_accelerator() -> bool:
    """Whether torch finds a CUDA device, and accelerate is not configured to use the CPU."""
    import torch

    return torch.cuda.is_available() and not _is_on("ACCELERATE_USE_CPU")


def device() -> str:
    """Name of the device on which this process computes."""
    if not has_accelerator():
        return "cpu"
    import torch

    return f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"


def describe() -> dict[str, str | int]:
    """Type of hardware and number of threads, for records that are not hashed."""
    import torch

    accelerator = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    return {
        "machine": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "accelerator": accelerator,
    }
