"""What a training leaves: a plain model folder, its log, and the facts that the model card states."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from teacherspec.finetune.callbacks import write_log
from teacherspec.finetune.inputs import Training, TrainingInputs, seed_everything, start_model
from teacherspec.finetune.lora import merge
from teacherspec.finetune.trainer import DeterministicTrainer
from teacherspec.finetune.weight_interpolation import interpolate_weights
from teacherspec.runtime.atomic_io import new_folder, round_floats, write_json
from teacherspec.spec.augmentation import VIEWS
from teacherspec.splits import open_split
from teacherspec.tasks.shared.hf_saving import save_pretrained
from teacherspec.tasks.shared.interfaces.capabilities import RecordedViews


def write_outcome(
    training: Training,
    inputs: TrainingInputs,
    trainer: DeterministicTrainer,
    trained: Any,
    output: Path,
    extra_files: Sequence[Path],
) -> None:
    """Write the `trained` model, merged and interpolated as declared, its log and `training.json`.

    Raises:
        UserError: merging low-rank updates changes the logits.
    """
    task, section = training.task, training.section
    rows = [inputs.validation[i] for i in range(min(8, len(inputs.validation)))]
    batch = {
        name: values.to(trained.device)
        for name, values in task.collate(inputs.processor)(rows).items()
        if name != "labels"
    }
    trainable = sum(p.numel() for p in trained.parameters() if p.requires_grad)
    model = merge(task.logits, trained, section.method, batch)
    facts = training_facts(training, inputs, trainer)
    if section.weight_interpolation is not None:
        seed_everything(training.seed_of("initial_weights"))  # the same new weights as before training
        start, _ = start_model(training)
        interpolate_weights(model, start, section.weight_interpolation)
        facts["validation_before_interpolation"] = facts["validation"]
        facts["validation"] = trainer.validation_metrics(model)
    facts["parameters"] = sum(p.numel() for p in model.parameters())
    facts["trainable_parameters"] = trainable
    with new_folder(output) as folder:
        for file in extra_files:
            shutil.copyfile(file, folder / file.name)
        write_model(training, model, inputs.processor, folder)
        write_log(folder / "log", trainer.state.log_history, tuple(task.selection_metrics))
        write_json(folder / "training.json", facts)


def write_model(training: Training, model: Any, processor: Any, folder: Path) -> None:
    """Write the folder `model`, and where declared the recorded views of training images, into `folder`."""
    save_pretrained(model, processor, folder / "model")
    augmentation = training.section.augmentation
    if augmentation is not None and augmentation.recorded_views:
        train = open_split(training.prepared.splits["train"])
        training.task.require(RecordedViews).write_views(
            folder / VIEWS, model, processor, train, augmentation, training.seed_of("data_order")
        )


def training_facts(
    training: Training, inputs: TrainingInputs, trainer: DeterministicTrainer
) -> dict[str, Any]:
    """What the model card states about the training; only values that the declaration determines."""
    section, state = training.section, trainer.state
    chosen_by = f"eval_{section.selection_metric}"
    evaluations = [entry for entry in state.log_history if chosen_by in entry]
    best = next(entry for entry in evaluations if entry["step"] == state.best_global_step)
    facts: dict[str, Any] = round_floats(
        {
            "declared": section.model_dump(mode="json"),
            "train_rows": len(inputs.train),
            "validation_rows": len(inputs.validation),
            "steps": state.global_step,
            "epochs": evaluations[-1]["epoch"],
            "stopped_early": state.global_step < state.max_steps,
            "best_step": best["step"],
            "best_epoch": best["epoch"],
            "validation": {name: best[f"eval_{name}"] for name in training.task.selection_metrics},
        }
    )
    return facts
