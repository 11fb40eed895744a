"""Checkpoints that are complete or absent, and never resumed by another training.

Trainer writes a checkpoint file by file, and resumes without an error from one that lacks its optimizer
or random state, into different weights. So a checkpoint counts only once `COMPLETE.json` lists the
SHA-256 of each of its files. The folder is named by everything that determines the training; a changed
learning rate, row or line of code never finds an older run.
"""

import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import read_json, sha256_file, write_json

MARKER = "COMPLETE.json"


class MarkComplete(TrainerCallback):  # type: ignore[misc]
    """Seal each checkpoint after Trainer has written all of it."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the marker last: when every process has written its random state and its share."""
        distributed.barrier()
        if distributed.is_main_process():
            seal(Path(args.output_dir) / f"checkpoint-{state.global_step}")


class LogBeforeSaving(TrainerCallback):  # type: ignore[misc]
    """Log the loss up to each checkpoint.

    Trainer keeps the losses since the last log in memory alone: a resumed training would log the mean of
    fewer steps than one that was never killed.
    """

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Trainer has decided by now whether it saves."""
        if control.should_save:
            control.should_log = True


def seal(checkpoint: Path) -> None:
    """Record the SHA-256 of each file of `checkpoint`, declaring it complete."""
    files = sorted(file for file in checkpoint.rglob("*") if file.is_file() and file.name != MARKER)
    names = [file.relative_to(checkpoint).as_posix() for file in files]
    write_json(checkpoint / MARKER, {name: sha256_file(checkpoint / name) for name in names})


def is_complete(checkpoint: Path) -> bool:
    """Whether every file that the marker lists is there, unchanged."""
    marker = checkpoint / MARKER
    if not marker.exists():
        return False
    return all(
        (checkpoint / name).exists() and sha256_file(checkpoint / name) == digest
        for name, digest in read_json(marker).items()
    )


def to_resume_from(folder: Path) -> Path | None:
    """The checkpoint that all processes go on from: what the first finds, before it writes another."""
    return distributed.broadcast(latest_complete(folder) if distributed.is_main_process() else None)


def latest_complete(folder: Path) -> Path | None:
    """The furthest checkpoint below `folder` to resume from; incomplete ones are removed.

    A kill while the newest one was written leaves the one before it. A checkpoint also needs the best
    one it names, which Trainer restores at the end and otherwise only warns about.
    """
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    for checkpoint in found:
        if not is_complete(checkpoint):
            shutil.rmtree(checkpoint)
    usable = [checkpoint for checkpoint in found if checkpoint.exists() and _best_of(checkpoint).exists()]
    return usable[-1] if usable else None


def _best_of(checkpoint: Path) -> Path:
    best = read_json(checkpoint / "trainer_state.json")["best_model_checkpoint"]
    return checkpoint if best is None else checkpoint.with_name(Path(best).name)
