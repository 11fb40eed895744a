"""Supervised fine-tuning: transformers' Trainer used plainly, with our own loss and checkpoint rules."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import EarlyStoppingCallback, TrainingArguments, set_seed
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from teacherspec.errors import DataError, UserError
from teacherspec.finetune.callbacks import RefuseNonFinite, ShowProgress, TellEpoch
from teacherspec.finetune.checkpoints import LogBeforeSaving, MarkComplete, to_resume_from
from teacherspec.finetune.contrastive_trainer import ContrastiveTrainer
from teacherspec.finetune.freezing import freeze_statistics
from teacherspec.finetune.linear_probe_first import head_section, learned_head, put_head
from teacherspec.finetune.lora import adapt
from teacherspec.finetune.losses import balanced_weights, objective
from teacherspec.finetune.micro_batches import MicroBatches
from teacherspec.finetune.save_model import Materials, write_outcome
from teacherspec.finetune.trainer import DeterministicTrainer, whole_model
from teacherspec.runtime import distributed, machine
from teacherspec.spec.finetune import Contrastive, CrossEntropy, Finetune, Focal
from teacherspec.splits import Prepared, open_split
from teacherspec.tasks.interfaces.capabilities import SeparateParts, SupervisedLoss, TrainableParts
from teacherspec.tasks.interfaces.kind import Kind
from teacherspec.tasks.interfaces.model import ModelInit

SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}


def gather(
    task: Kind,
    section: Finetune,
    base: Path,
    prepared: Prepared,
    start: ModelInit,
    head: Path | None = None,
) -> Materials:
    """Load base and rows. The seed is set before anything is drawn: head first, then adapters.

    Args:
        task: the declared task.
        section: `params.yaml: finetune`.
        base: verified base folder.
        prepared: the prepared splits.
        start: how the base becomes the model to train.
        head: weights of a head that was trained before; by default it is drawn.
    """
    set_seed(section.seed)
    torch.use_deterministic_algorithms(not machine.has_accelerator())
    # Fills every fresh buffer with NaN to show reads of uninitialised memory; no result depends on it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    model, processor = start_model(task, section, base, prepared, start, head)
    absent = [name for name in ("train", "validation") if name not in prepared.splits]
    if absent:
        raise DataError(
            [f"prepare: there is no {name} split to fine-tune with; declare one" for name in absent]
        )
    train = open_split(prepared.splits["train"])
    return Materials(
        model=model,
        processor=processor,
        train=task.encode_training(
            processor, train, prepared.label_names, section.augmentation, section.seed
        ),
        train_labels=train["label"] if "label" in train.column_names else None,
        validation=task.encode(processor, open_split(prepared.splits["validation"])),
        classes=len(prepared.label_names),
    )


def start_model(
    task: Kind,
    section: Finetune,
    base: Path,
    prepared: Prepared,
    start: ModelInit,
    head: Path | None = None,
) -> tuple[Any, Any]:
    """Model and processor as training begins with them; what is new is drawn from torch's generator."""
    model, processor = task.load_base(base, prepared.label_names, start)
    if head is not None:
        put_head(model, head)
    if batch_norm(section, start) == "frozen":
        freeze_statistics(model)
    if machine.checkpointing() and not model.supports_gradient_checkpointing:
        raise UserError(
            f"{machine.CHECKPOINTING}: {type(model).__name__} cannot compute activations again; unset it"
        )
    pretrained = start.init == "pretrained"
    separate = task.capability(SeparateParts)
    parts = TrainableParts() if separate is None else separate.parts(model)
    return adapt(model, section.method, task.has_new_head, parts, pretrained), processor


def batch_norm(section: Finetune, start: ModelInit) -> str:
    """What statistics of BatchNorm do: as declared, else frozen unless there are none yet."""
    return section.batch_norm or ("frozen" if start.init == "pretrained" else "updated")


def arguments(
    task: Kind, section: Finetune, train: Any, placement: machine.Placement, run: Path
) -> TrainingArguments:
    """Trainer's arguments; each one that is not a declared value has its reason beside it."""
    machine.set_mixed_precision("bf16" if section.precision == "bf16" else "no")
    steps_per_epoch = -(-len(train) // section.batch_size)
    interval = max(1, -(-steps_per_epoch // section.evaluations_per_epoch))
    return TrainingArguments(
        output_dir=str(run),
        seed=section.seed,
        num_train_epochs=section.epochs,
        per_device_train_batch_size=placement.micro_batch,
        gradient_accumulation_steps=placement.accumulation,
        per_device_eval_batch_size=placement.micro_batch,
        learning_rate=section.learning_rate,
        lr_scheduler_type=SCHEDULES[section.schedule],
        warmup_steps=section.warmup,  # below 1 Trainer reads a share of all steps
        weight_decay=section.weight_decay,
        max_grad_norm=section.max_grad_norm,
        optim="adamw_torch_fused",  # its square root is IEEE-exact on every CPU, the unfused one is not
        bf16=section.precision == "bf16",
        activation_checkpointing=machine.checkpointing(),
        activation_checkpointing_kwargs={"use_reentrant": False},  # the other way needs inputs with gradients
        use_cpu=not machine.has_accelerator(),
        eval_strategy="steps",
        eval_steps=interval,
        save_strategy="steps",
        save_steps=interval,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=section.selection_metric,
        greater_is_better=task.selection_metrics[section.selection_metric],
        restore_callback_states_from_checkpoint=True,  # or early stopping forgets its count on resume
        logging_steps=max(1, steps_per_epoch // 10),
        logging_nan_inf_filter=False,  # by default NaN losses are hidden behind the running mean
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_num_workers=machine.workers() if task.decodes_images else 0,
        dataloader_pin_memory=machine.has_accelerator(),
        report_to="none",
        disable_tqdm=True,
    )


def trainer_for(
    task: Kind, loss: CrossEntropy | Focal | Contrastive, weights: torch.Tensor | None, **given: Any
) -> DeterministicTrainer:
    """The loop for a loss: over units one by one, or over all pairs of a step."""
    if isinstance(loss, Contrastive):
        return ContrastiveTrainer(task=task, pairing=loss.pairing, **given)
    return DeterministicTrainer(
        task=task,
        compute_loss_func=objective(loss, task.require(SupervisedLoss).loss_terms, weights),
        **given,
    )


def train(task: Kind, section: Finetune, materials: Materials, run: Path) -> DeterministicTrainer:
    """Train to the end, from the last complete checkpoint in `run` where there is one."""
    checkpoint = to_resume_from(run)
    placement = machine.batch_layout(section.batch_size)
    micro_batches = MicroBatches(
        len(materials.train),
        task.lengths(materials.train),
        section.batch_size,
        placement,
        seed=section.seed,
        rank=machine.rank(),
        processes=machine.processes(),
    )
    weights = None
    if section.class_weights == "balanced":
        weights = balanced_weights(torch.tensor(materials.train_labels), materials.classes)
    redrawn = [one for one in (micro_batches, materials.train) if hasattr(one, "set_epoch")]
    callbacks: list[Any] = [RefuseNonFinite(), LogBeforeSaving(), MarkComplete(), TellEpoch(*redrawn)]
    if distributed.is_main_process():
        callbacks.append(ShowProgress(section.batch_size, section.selection_metric))
    if section.early_stopping is not None:
        callbacks.append(
            EarlyStoppingCallback(section.early_stopping.patience, section.early_stopping.min_delta)
        )
    trainer = trainer_for(
        task,
        section.loss,
        weights,
        processor=materials.processor,
        micro_batches=micro_batches,
        model=materials.model,
        args=arguments(task, section, materials.train, placement, run),
        train_dataset=materials.train,
        eval_dataset=materials.validation,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    if machine.processes() > 1:  # or all would drop out the same places of their different rows
        set_seed(section.seed + machine.rank())
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    best = trainer.state.best_model_checkpoint
    if best is None or not Path(best).exists():
        raise DataError(f"{run}: the best checkpoint is gone; remove this folder and run the stage again")
    return trainer


def finetune(
    task: Kind,
    section: Finetune,
    base: Path,
    prepared: Prepared,
    run: Path,
    output: Path,
    start: ModelInit | None = None,
    beside: Sequence[Path] = (),
) -> None:
    """Fine-tune `base` on the prepared splits and write model, log and summary to `output`.

    Args:
        task: the declared task.
        section: `params.yaml: finetune`.
        base: verified base folder.
        prepared: the prepared splits.
        run: scratch folder of exactly this training, for checkpoints; removed at the end.
        output: folder to create: `model/`, `log/steps.tsv`, `log/evaluations.tsv`, `training.json`.
        start: how the base becomes the model to train; by default with the declared dropout.
        beside: finished files to copy into `output`.

    Raises:
        UserError: the declaration does not fit the machine, or training diverges.
    """
    start = start or ModelInit(section.dropout)
    head = None
    if section.linear_probe_first is not None:
        alone = head_section(section, section.linear_probe_first)
        head = first_head(task, alone, base, prepared, run, start)
    materials = gather(task, section, base, prepared, start, head)
    use_cache = getattr(materials.model.config, "use_cache", None)
    trainer = train(task, section, materials, run)
    model = whole_model(trainer, lambda: start_model(task, section, base, prepared, start, head)[0])
    if distributed.is_main_process():
        if use_cache is not None:
            model.config.use_cache = use_cache  # Trainer switches it off; whoever generates wants it
        write_outcome(task, section, materials, trainer, model, base, prepared, output, beside)
        shutil.rmtree(run, ignore_errors=True)
    distributed.barrier()


def first_head(
    task: Kind, alone: Finetune, base: Path, prepared: Prepared, run: Path, start: ModelInit
) -> Path:
    """The file of the head that was trained alone, as `head_section` declares it. Raises `UserError`."""

    def trained(folder: Path) -> Any:
        trainer = train(task, alone, gather(task, alone, base, prepared, start), folder)
        return whole_model(trainer, lambda: start_model(task, alone, base, prepared, start)[0])

    path = learned_head(run, trained)
    distributed.barrier()
    return path
