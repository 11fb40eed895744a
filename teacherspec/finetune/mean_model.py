"""The mean of the parameters of several trained models (model soup, Wortsman et al. 2022, arXiv 2203.05482).

Fine-tuned models that started from the same weights mostly lie in one basin of the loss, where their mean is
as good as the best of them and often better on other data, at the cost of one model.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.finetune.inputs import Training, load_inputs
from teacherspec.finetune.save_model import write_model
from teacherspec.finetune.train import build_trainer
from teacherspec.inference.load import load_model
from teacherspec.runtime import distributed
from teacherspec.runtime.atomic_io import new_folder, read_json, write_json
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    import torch


OF_ONE_MODEL = "validation_before_interpolation"
"""Fact of a training that a mean of several has no counterpart of."""


def write_mean(
    training: Training, trained: Sequence[Path], scratch: Path, output: Path, extra_files: Sequence[Path]
) -> None:
    """Write the mean of the trained models, as `finetune` writes one; log and steps are those of the first.

    Args:
        training: of the teacher.
        trained: what each of the trainings left.
        scratch: for the settings of a trainer; nothing is trained.
        output: folder to create. In `training.json`, `validation` is measured on the mean, and
            `validation_of_models` on each model.
        extra_files: finished files to copy into `output`.
    """
    # Only to measure: with the trained models' own arithmetic, batches and metrics.
    section = training.section.model_copy(update={"running_mean": None})
    trainer = build_trainer(training, load_inputs(replace(training, section=section)), scratch)
    if distributed.is_main_process():
        models = [folder / "model" for folder in trained]
        model, processor = mean_model(training.task, models)
        facts = [read_json(folder / "training.json") for folder in trained]
        with new_folder(output) as folder:
            for file in extra_files:
                shutil.copyfile(file, folder / file.name)
            write_model(training, model, processor, folder)
            shutil.copytree(trained[0] / "log", folder / "log", copy_function=shutil.copyfile)
            summary = {
                **{name: fact for name, fact in facts[0].items() if name != OF_ONE_MODEL},
                "train_rows": training.prepared.splits["train"].rows,  # of folds, all of them together
                "validation": trainer.validation_metrics(model),
                "validation_of_models": [one["validation"] for one in facts],
            }
            write_json(folder / "training.json", summary)
        shutil.rmtree(scratch, ignore_errors=True)
    distributed.barrier()


def mean_model(task: Kind, folders: Sequence[Path]) -> tuple[Any, Any]:
    """The model whose parameters are the means over the models in `folders`, and its processor.

    Two models are in memory at a time. The mean of equal models is each of them, bit by bit.
    """
    import torch

    mean, processor = load_model(task, folders[0])
    with torch.no_grad():
        for count, folder in enumerate(folders[1:], start=2):
            other = dict(_values(load_model(task, folder)[0]))
            for name, value in _values(mean):
                value.add_((other[name].to(value.device) - value).div_(count))
    return mean, processor


def _values(model: Any) -> "Iterator[tuple[str, torch.Tensor]]":
    """Parameters, tied ones once, and floating-point buffers such as the statistics of BatchNorm."""
    yield from model.named_parameters()
    yield from ((name, buffer) for name, buffer in model.named_buffers() if buffer.is_floating_point())
