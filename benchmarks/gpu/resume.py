"""The stage `finetune` killed after a checkpoint and run again, against runs without a kill."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.gpu.shapes import Sizes
from teacherspec.runtime.atomic_io import sha256_file
from tests.pipeline.processes.toy_project import difference, environment, finetune, workplace

SEEN_SECONDS = 300
"""How long a first checkpoint may take; the limit of the part is shorter where time counts."""


def killed(place: Path, output: str) -> Path:
    """Fine-tune, killed once a checkpoint is complete, then again to the end; the folder it left.

    Raises:
        RuntimeError: the training ended before, or wrote no checkpoint in time.
    """
    command = [sys.executable, "-m", "stages.finetune", "prepared", "manifest.json", output]
    stage = subprocess.Popen(command, cwd=place, env=environment(None), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + SEEN_SECONDS
    while not list(place.glob(".scratch/finetune/*/checkpoint-*/COMPLETE.json")):
        if stage.poll() is not None or time.monotonic() > deadline:
            stage.kill()
            raise RuntimeError("ended, or wrote no checkpoint in time, before it could be killed")
        time.sleep(0.01)
    os.kill(stage.pid, signal.SIGKILL)
    stage.wait()
    return finetune(place, output, None)


def measure(_sizes: Sizes) -> dict[str, Any]:
    """The difference of the weights, relative to their size: after a kill, and of two runs without one.

    A toy language model: what is tested is the way through checkpoints on this device. On an accelerator
    even two runs without a kill may differ, since some of its kernels add in any order.
    """
    with tempfile.TemporaryDirectory() as name:
        place = workplace(Path(name) / "place", "causal_lm", epochs=8, dropout=0.1)
        whole, again = finetune(place, "whole", None), finetune(place, "again", None)
        resumed = killed(place, "resumed")
        digests = [sha256_file(one / "model/model.safetensors") for one in (whole, again, resumed)]
        return {
            "same_bytes": digests[0] == digests[2],
            "same_bytes_without_a_kill": digests[0] == digests[1],
            "differs_by": difference(whole, resumed),
            "differs_by_without_a_kill": difference(whole, again),
        }
