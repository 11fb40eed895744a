"""Supervised fine-tuning: from the declaration to the folder with the fine-tuned model."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from transformers import EarlyStoppingCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from teacherspec.errors import DataError
from teacherspec.finetune.binary_losses import positive_weights
from teacherspec.finetune.callbacks import RefuseNonFinite, SetEpoch, ShowProgress
from teacherspec.finetune.checkpoints import LogBeforeSaving, MarkComplete, checkpoint_to_resume
from teacherspec.finetune.contrastive_trainer import ContrastiveTrainer
from teacherspec.finetune.inputs import Training, TrainingInputs, initial_model, load_inputs
from teacherspec.finetune.linear_probe_first import fit_head
from teacherspec.finetune.losses import balanced_weights, objective, row_objective
from teacherspec.finetune.micro_batches import MicroBatches
from teacherspec.finetune.save_model import write_outcome
from teacherspec.finetune.trainer import DeterministicTrainer, consolidated_model
from teacherspec.runtime import distributed, machine
from teacherspec.spec.finetune import BinaryLoss, Contrastive
from teacherspec.tasks.shared.interfaces.capabilities import RowLosses, SupervisedLoss

SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}


def finetune(training: Training, scratch: Path, output: Path, extra_files: Sequence[Path] = ()) -> None:
    """Fine-tune the base on the prepared splits and write model, log and summary to `output`.

    Args:
        training: what determines the result.
        scratch: folder of exactly this training, for checkpoints; removed at the end.
        output: folder to create: `model/`, `log/steps.tsv`, `log/evaluations.tsv`, `training.json`.
        extra_files: finished files to copy into `output`.

    Raises:
        UserError: the declaration does not fit the machine, or training diverges.
    """
    if training.section.linear_probe_first:
        training = replace(training, head=fit_head(training, scratch))
    inputs = load_inputs(training)
    use_cache = getattr(inputs.model.config, "use_cache", None)
    trainer = train(training, inputs, scratch)
    model = consolidated_model(trainer, lambda: initial_model(training)[0])
    if distributed.is_main_process():
        if use_cache is not None:
            model.config.use_cache = use_cache  # Trainer turns it off; generation needs it
        write_outcome(training, inputs, trainer, model, output, extra_files)
        shutil.rmtree(scratch, ignore_errors=True)
    distributed.barrier()


def train(training: Training, inputs: TrainingInputs, scratch: Path) -> DeterministicTrainer:
    """Train to the end, from the last complete checkpoint in `scratch` where there is one.

    Raises:
        UserError: the declaration does not fit the machine, or training diverges.
        DataError: the best checkpoint was removed meanwhile.
    """
    checkpoint = checkpoint_to_resume(scratch)
    trainer = build_trainer(training, inputs, scratch)
    if machine.processes() > 1:  # else all processes would drop out the same places of their different rows
        set_seed(training.seed_of("dropout") + machine.rank())
    if trainer.running_mean is not None and checkpoint is not None:
        trainer.running_mean.load(checkpoint)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    best = trainer.state.best_model_checkpoint
    if best is None or not Path(best).exists():
        raise DataError(f"{scratch}: the best checkpoint is gone; remove this folder and run the stage again")
    if trainer.running_mean is not None:
        trainer.running_mean.load(Path(best))
        trainer.running_mean.replace_weights()
    return trainer


def build_trainer(training: Training, inputs: TrainingInputs, scratch: Path) -> DeterministicTrainer:
    """The trainer before its first step, with checkpoints in `scratch`.

    Raises:
        UserError: the declaration does not fit the machine.
    """
    batch_size = training.section.batch_size
    layout = machine.batch_layout(batch_size)
    micro_batches = MicroBatches(
        len(inputs.train),
        training.task.lengths(inputs.train),
        batch_size,
        layout,
        seed=training.seed_of("data_order"),
        rank=machine.rank(),
        processes=machine.processes(),
    )
    trainer = _trainer(
        training,
        inputs,
        micro_batches=micro_batches,
        args=training_arguments(training, len(inputs.train), layout, scratch),
        callbacks=callbacks(training, micro_batches, inputs.train),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer


def _trainer(training: Training, inputs: TrainingInputs, **given: Any) -> DeterministicTrainer:
    """The trainer of the declared loss: of terms that add up, or of all pairs of a step."""
    task, loss = training.task, training.section.loss
    given |= {
        "task": task,
        "processor": inputs.processor,
        "model": inputs.model,
        "train_dataset": inputs.train,
        "eval_dataset": inputs.validation,
        "head_learning_rate": training.section.head_learning_rate,
        "decay": None if (mean := training.section.running_mean) is None else mean.decay,
    }
    if isinstance(loss, Contrastive):
        return ContrastiveTrainer(pairing=loss.pairing, **given)
    if own := task.capability(RowLosses):
        return DeterministicTrainer(compute_loss_func=row_objective(own.row_losses), **given)
    weights = None
    if training.section.class_weights == "balanced":
        weights = balanced_weights(inputs.train_labels, inputs.n_classes)
    elif isinstance(loss, BinaryLoss):
        weights = positive_weights(loss, inputs.train_labels)
    loss_terms = task.require(SupervisedLoss).loss_terms
    return DeterministicTrainer(compute_loss_func=objective(loss, loss_terms, weights), **given)


def callbacks(training: Training, *datasets: Any) -> list[Any]:
    """What runs at the events of the loop; `datasets` with a method `set_epoch` receive the epoch."""
    section = training.section
    changing = [one for one in datasets if hasattr(one, "set_epoch")]
    found: list[Any] = [RefuseNonFinite(), LogBeforeSaving(), MarkComplete(), SetEpoch(*changing)]
    if distributed.is_main_process():
        found.append(ShowProgress(section.batch_size, section.selection_metric))
        # By name: what shows the numbers elsewhere changes none of them, so that no training depends on it.
        tracking = import_module("teacherspec.tracking.callback")
        declared = {"task": training.task, "finetune": section}
        found += tracking.tracking_callbacks(
            {name: one.model_dump(mode="json") for name, one in declared.items()}
        )
    if section.early_stopping is not None:
        found.append(EarlyStoppingCallback(section.early_stopping.patience, section.early_stopping.min_delta))
    return found


def training_arguments(
    training: Training, train_rows: int, layout: machine.BatchLayout, scratch: Path
) -> TrainingArguments:
    """Trainer's arguments; each one that is not a declared value has a comment that gives the reason."""
    task, section = training.task, training.section
    machine.set_mixed_precision("bf16" if section.precision == "bf16" else "no")
    steps_per_epoch = -(-train_rows // section.batch_size)
    interval = max(1, -(-steps_per_epoch // section.evaluations_per_epoch))
    return TrainingArguments(
        output_dir=str(scratch),
        seed=training.seed_of("dropout"),
        num_train_epochs=section.epochs,
        per_device_train_batch_size=layout.micro_batch,
        gradient_accumulation_steps=layout.accumulation,
        per_device_eval_batch_size=layout.micro_batch,
        learning_rate=section.learning_rate,
        lr_scheduler_type=SCHEDULES[section.schedule],
        warmup_steps=section.warmup,  # below 1 Trainer reads a fraction of all steps
        weight_decay=section.weight_decay,
        max_grad_norm=section.max_grad_norm,
        optim="adamw_torch_fused",  # only the fused one has an exact (IEEE) square root on every CPU
        bf16=section.precision == "bf16",
        activation_checkpointing=machine.checkpointing(),
        activation_checkpointing_kwargs={"use_reentrant": False},  # True needs inputs that have gradients
        use_cpu=not machine.has_accelerator(),
        eval_strategy="steps",
        eval_steps=interval,
        save_strategy="steps",
        save_steps=interval,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=section.selection_metric,
        greater_is_better=task.selection_metrics[section.selection_metric],
        restore_callback_states_from_checkpoint=True,  # else early stopping loses its count on resuming
        logging_steps=max(1, steps_per_epoch // 10),
        logging_nan_inf_filter=False,  # by default NaN losses are replaced by the running mean
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_num_workers=machine.workers() if task.decodes_images else 0,
        dataloader_pin_memory=machine.has_accelerator(),
        report_to="none",
        disable_tqdm=True,
    )
