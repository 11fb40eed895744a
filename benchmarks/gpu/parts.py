"""What is measured, each part in a process of its own with its own time limit."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from benchmarks.gpu.shapes import Sizes

LONGEST_REASON = 200


@dataclass(frozen=True)
class Part:
    """One measurement.

    Attributes:
        name: of it.
        module: of `benchmarks.gpu` that has `measure`.
        program: function of that module which is passed to it.
        seconds: time limit.
        needs: package without which it is skipped.
    """

    name: str
    module: str
    seconds: int
    program: str = ""
    needs: str = ""

    def measure(self, sizes: Sizes) -> dict[str, Any]:
        """Its figures, computed in this process."""
        module = import_module(f"benchmarks.gpu.{self.module}")
        call: Callable[..., dict[str, Any]] = module.measure
        if self.program:
            call = partial(call, program=getattr(module, self.program))
        return call(sizes)


PARTS = (
    Part("training", "training", 100, "ours"),
    Part("training, Trainer", "training", 90, "padded"),
    Part("training, TRL", "training", 100, "trl", needs="trl"),
    Part("attention", "attention", 70),
    Part("scoring", "scoring", 70),
    Part("memory", "memory", 60),
    Part("resume", "resume", 110),
)
"""600 seconds in all; the time of one that ends early is not given to the others."""


@dataclass(frozen=True)
class Result:
    """What came of a part: its figures, or the reason why there are none."""

    figures: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


def run(part: Part, command: list[str], limit: float) -> Result:
    """Run a part in a process of its own, which leaves none behind when its time is over.

    Args:
        part: to run.
        command: whose last line on stdout is the figures as JSON.
        limit: seconds.
    """
    if part.needs and find_spec(part.needs) is None:
        return Result(reason=f"skipped: {part.needs} is not installed")
    if limit <= 0:
        return Result(reason="not reached: the time of all parts together is over")
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=one_accelerator(os.environ),
    ) as process:
        try:
            out, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return Result(reason=f"over its limit of {limit:.0f} s")
        finally:
            with suppress(ProcessLookupError):  # all that it started, too
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        printed = errors.strip().splitlines() or [f"exit code {process.returncode}"]
        return Result(reason=f"failed: {printed[-1][:LONGEST_REASON]}")
    try:
        return Result(json.loads(out.strip().splitlines()[-1]))
    except (ValueError, IndexError):
        return Result(reason="failed: it printed no figures")


def one_accelerator(variables: Mapping[str, str]) -> dict[str, str]:
    """Environment variables under which a process sees the first of its accelerators alone.

    With several, Trainer would split every batch among them.
    """
    seen = variables.get("CUDA_VISIBLE_DEVICES", "0")
    return {**variables, "CUDA_VISIBLE_DEVICES": seen.partition(",")[0]}
