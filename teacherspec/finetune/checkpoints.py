"""Checkpoints that are either complete or ignored, and never resumed by a different training.

Trainer writes a checkpoint file by file, and resumes without an error from one that lacks its optimizer
or random state, which leads to other weights. So a checkpoint is used only once `COMPLETE.json` lists the
SHA-256 of each of its files. The folder is named by everything that determines the training: after a change
of the learning rate, a row or a line of code, an older run is not found.
"""

import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import read_json, sha256_file, write_json

MARKER = "COMPLETE.json"


class MarkComplete(TrainerCallback):  # type: ignore[misc]
    """Mark each checkpoint as complete after Trainer has written all of it."""

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the marker last: when every process has written its random state and its shard."""
        distributed.barrier()
        if distributed.is_main_process():
            mark_complete(Path(args.output_dir) / f"checkpoint-{state.global_step}")


class LogBeforeSaving(TrainerCallback):  # type: ignore[misc]
    """Log the loss at each checkpoint.

    Trainer keeps the losses since the last log in memory only: a resumed training would log the mean of
    fewer steps than one that was never killed.
    """

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """By now Trainer has decided whether it saves."""
        if control.should_save:
            control.should_log = True


def mark_complete(checkpoint: Path) -> None:
    """Write the marker with the SHA-256 of each file of `checkpoint`."""
    files = sorted(file for file in checkpoint.rglob("*") if file.is_file() and file.name != MARKER)
    names = [file.relative_to(checkpoint).as_posix() for file in files]
    write_json(checkpoint / MARKER, {name: sha256_file(checkpoint / name) for name in names})


def is_complete(checkpoint: Path) -> bool:
    """Whether the marker lists files, and every one exists with that hash."""
    marker = checkpoint / MARKER
    if not marker.exists():
        return False
    sums = read_json(marker)
    return bool(sums) and all(
        (checkpoint / name).exists() and sha256_file(checkpoint / name) == digest
        for name, digest in sums.items()
    )


def checkpoint_to_resume(folder: Path) -> Path | None:
    """The checkpoint that all processes resume from: the one that the main process finds."""
    return distributed.broadcast(latest_complete(folder) if distributed.is_main_process() else None)


def latest_complete(folder: Path) -> Path | None:
    """The checkpoint of the latest step in `folder` that can be resumed from; incomplete ones are removed.

    Where a kill interrupted the writing of the newest one, this is the one before it. A checkpoint also needs
    the best checkpoint it names: Trainer restores that at the end, and only warns where it is missing.
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
