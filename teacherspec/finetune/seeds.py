"""Trainings that differ in their seed alone, and which of them becomes the teacher.

One training is one draw: initial weights, order and dropout move its metrics by more than many a recipe does.
The models of all seeds are kept in the output of the stage, because `evaluate` measures their spread.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from teacherspec.finetune.inputs import Training
from teacherspec.finetune.mean_model import write_mean
from teacherspec.finetune.train import finetune
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import new_folder, read_json, write_json

SUMMARY = "training.json"


def finetune_seeds(training: Training, count: int, scratch: Path) -> list[Path]:
    """Fine-tune with each seed; after a kill, trainings that were finished are not repeated.

    Args:
        training: the first.
        count: number of trainings.
        scratch: folder for what is unfinished.

    Returns:
        What each training left, in the order of the seeds, inside `scratch`.
    """
    folders = []
    for number in range(count):
        one, folder = replace(training, number=number), scratch / f"seed-{number}"
        if not distributed.broadcast(folder.is_dir()):
            if distributed.is_main_process():
                print(f"finetune: training {number + 1} of {count}", file=sys.stderr, flush=True)
            finetune(one, scratch / f"training-{number}", folder)
        folders.append(folder)
    return folders


def write_teacher(
    training: Training, trained: Sequence[Path], scratch: Path, output: Path, extra_files: Sequence[Path]
) -> None:
    """Write the declared teacher, and the models of the seeds that are not the teacher itself.

    Args:
        training: the first.
        trained: what the training with each seed left.
        scratch: folder for what is unfinished.
        output: folder to create, as `finetune` does; with `seeds/<number>/model`, and in `training.json` a
            list `seeds`: the seed, its validation metrics, and the place of its model.
        extra_files: finished files to copy into `output`.
    """
    if training.section.teacher == "mean_of_seeds":
        mean = scratch.with_name(f"{scratch.name}-mean")
        write_mean(training, trained, scratch, mean, extra_files)
        chosen, source = None, mean
    else:
        chosen = best_of(training, trained) if training.section.teacher == "best_seed" else 0
        source = trained[chosen]
    if distributed.is_main_process():
        with new_folder(output) as folder:
            _copy(source, folder)
            for file in extra_files:
                shutil.copyfile(file, folder / file.name)
            models = {number: f"seeds/{number}/model" for number in range(len(trained)) if number != chosen}
            for number, model in models.items():
                _copy(trained[number] / "model", folder / model)
            seeds = list(_seed_facts(training, trained, models))
            write_json(folder / SUMMARY, {**read_json(source / SUMMARY), "seeds": seeds})
        if chosen is None:
            shutil.rmtree(mean)
    distributed.barrier()


def best_of(training: Training, trained: Sequence[Path]) -> int:
    """Number of the training with the best selection metric on validation; the first of equals."""
    name = training.section.selection_metric
    found = [read_json(folder / SUMMARY)["validation"][name] for folder in trained]
    return found.index(max(found) if training.task.selection_metrics[name] else min(found))


def _seed_facts(
    training: Training, trained: Sequence[Path], models: Mapping[int, str]
) -> Iterator[dict[str, Any]]:
    for number, folder in enumerate(trained):
        facts = read_json(folder / SUMMARY)
        yield {
            "seed": training.section.seed + number,
            "model": models.get(number, "model"),
            "best_step": facts["best_step"],
            "validation": facts["validation"],
        }


def _copy(source: Path, target: Path) -> None:
    """A folder of finished files at a second path, as hard links where the file system can."""
    shutil.copytree(source, target, dirs_exist_ok=True, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
