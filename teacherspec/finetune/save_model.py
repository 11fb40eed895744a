"""What a training leaves: a plain model folder, its log, and what the model card says of it."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teacherspec.finetune.callbacks import write_log
from teacherspec.finetune.lora import merge
from teacherspec.finetune.trainer import DeterministicTrainer
from teacherspec.finetune.weight_interpolation import interpolate
from teacherspec.runtime.atomic_io import new_folder, round_floats, write_json
from teacherspec.spec.augmentation import VIEWS
from teacherspec.spec.finetune import Finetune
from teacherspec.splits import Prepared, open_split
from teacherspec.tasks.interfaces.capabilities import RecordedViews
from teacherspec.tasks.interfaces.kind import Kind
from teacherspec.tasks.interfaces.model import ModelInit
from teacherspec.tasks.shared.hf_saving import save_pretrained


@dataclass(frozen=True)
class Materials:
    """Everything a training starts from: model and encoded rows."""

    model: Any
    processor: Any
    train: Any
    train_labels: Sequence[int] | None
    validation: Any
    classes: int


def write_outcome(
    task: Kind,
    section: Finetune,
    materials: Materials,
    trainer: DeterministicTrainer,
    trained: Any,
    base: Path,
    prepared: Prepared,
    output: Path,
    beside: Sequence[Path],
) -> None:
    """Write the `trained` model, merged and mixed, and what is told of its training. Raises `UserError`."""
    sample = task.collate(materials.processor)(
        [materials.validation[i] for i in range(min(8, len(materials.validation)))]
    )
    inputs = {key: value.to(trained.device) for key, value in sample.items() if key != "labels"}
    trainable = sum(p.numel() for p in trained.parameters() if p.requires_grad)
    model = merge(task.logits, trained, section.method, inputs)
    mixed = None
    if section.weight_interpolation is not None:
        interpolate(
            model, task.load_base(base, prepared.label_names, ModelInit())[0], section.weight_interpolation
        )
        mixed = trainer.measured(model)
    with new_folder(output) as folder:
        for file in beside:
            shutil.copyfile(file, folder / file.name)
        save_pretrained(model, materials.processor, folder / "model")
        if section.augmentation is not None and section.augmentation.recorded_views:
            rows = open_split(prepared.splits["train"])
            task.require(RecordedViews).write_views(
                folder / VIEWS, model, materials.processor, rows, section.augmentation, section.seed
            )
        write_log(folder / "log", trainer.state.log_history, tuple(task.selection_metrics))
        parameters = {"parameters": sum(p.numel() for p in model.parameters())}
        told = summary(task, section, materials, trainer)
        if mixed is not None:
            told |= {"validation": mixed, "validation_before_mixing": told["validation"]}
        write_json(folder / "training.json", {**told, **parameters, "trainable_parameters": trainable})


def summary(
    task: Kind, section: Finetune, materials: Materials, trainer: DeterministicTrainer
) -> dict[str, Any]:
    """What the model card says of the training; only values that the declaration determines."""
    state = trainer.state
    chosen_by = f"eval_{section.selection_metric}"
    best = next(e for e in state.log_history if e["step"] == state.best_global_step and chosen_by in e)
    last_evaluation = [entry for entry in state.log_history if chosen_by in entry][-1]
    facts: dict[str, Any] = round_floats(
        {
            "declared": section.model_dump(mode="json"),
            "train_rows": len(materials.train),
            "validation_rows": len(materials.validation),
            "steps": state.global_step,
            "epochs": last_evaluation["epoch"],
            "stopped_early": state.global_step < state.max_steps,
            "best_step": best["step"],
            "best_epoch": best["epoch"],
            "validation": {name: best[f"eval_{name}"] for name in task.selection_metrics},
        }
    )
    return facts
