"""What a training is made from: what was declared, and the model and encoded rows that follow from it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import set_seed

from teacherspec.errors import DataError, UserError
from teacherspec.finetune.freezing import freeze_batch_norm
from teacherspec.finetune.frozen_images import compute_frozen_images
from teacherspec.finetune.lora import adapt
from teacherspec.finetune.target_examples import TargetExamples
from teacherspec.inference.label_targets import labels_to_fit, labels_to_measure
from teacherspec.runtime import machine
from teacherspec.spec.finetune import Chance, Finetune, Full
from teacherspec.splits import Prepared, Split, open_split
from teacherspec.tasks.shared.interfaces.capabilities import SeparateParts, TrainableParts
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.interfaces.model import ModelInit

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Training:
    """Everything that determines a training. Each fold and the linear probe has one of its own.

    Attributes:
        task: the declared task.
        section: `params.yaml: finetune`.
        base: verified folder of the base.
        prepared: the prepared splits.
        init: how the model is initialised from the base.
        head: weights of an output layer that was fitted before; without them it is drawn at random.
        number: which of the trainings that differ in their seed alone, from 0.
    """

    task: Kind
    section: Finetune
    base: Path
    prepared: Prepared
    init: ModelInit
    head: Path | None = None
    number: int = 0

    def seed_of(self, chance: Chance) -> int:
        """The seed of what is drawn at random, below 2³²."""
        varies = chance in self.section.seeds_vary
        return (self.section.seed + self.number * varies) % 2**32

    def fitting_splits(self) -> tuple[Split, Split]:
        """The splits `train` and `validation`. Raises `DataError` where one is missing."""
        splits = self.prepared.splits
        if missing := [name for name in ("train", "validation") if name not in splits]:
            raise DataError(
                [f"prepare: there is no {name} split to fine-tune with; declare one" for name in missing]
            )
        return splits["train"], splits["validation"]


@dataclass(frozen=True)
class TrainingInputs:
    """What the training loop works on.

    Attributes:
        model: as training begins with it, with adapters where declared.
        processor: of the model.
        train: encoded rows that weights are fitted on.
        train_labels: `[N]` of these rows, targets `[N, C + 1]`, or zeros and ones `[N, C]`; empty where the
            task has none.
        validation: encoded rows that choose the checkpoint.
        n_classes: number of classes, 0 where the task has none.
    """

    model: Any
    processor: Any
    train: Any
    train_labels: torch.Tensor
    validation: Any
    n_classes: int


def load_inputs(training: Training) -> TrainingInputs:
    """Load the base and encode the rows. The seed is set before anything is drawn: first head, then adapters.

    Raises:
        UserError: base and declaration do not fit together.
        DataError: there is no train or validation split.
    """
    section = training.section
    (train, labels), (validation, validation_labels) = fitting_rows(training)
    seed_everything(training.seed_of("initial_weights"))
    model, processor = initial_model(training)
    task, label_names = training.task, training.prepared.label_names
    inputs = TrainingInputs(
        model=model,
        processor=processor,
        train=task.encode_training(
            processor, train, label_names, section.augmentation, training.seed_of("data_order")
        ),
        train_labels=labels,
        validation=task.encode(processor, validation),
        n_classes=len(label_names),
    )
    if section.augmentation is None and isinstance(section.method, Full):
        layout = machine.batch_layout(section.batch_size)
        data = ((train, inputs.train), (validation, inputs.validation))
        compute_frozen_images(task, model, processor, data, layout.micro_batch)
    schema = task.row_schema()
    if not schema.label_details or schema.scores() or schema.token_labels() is not None:
        return inputs
    return replace(
        inputs,
        train=TargetExamples(inputs.train, labels),
        validation=TargetExamples(inputs.validation, validation_labels),
    )


def fitting_rows(training: Training) -> "list[tuple[Dataset, torch.Tensor]]":
    """Rows of `train` that count, and of `validation`, each with labels or targets, see `label_targets`.

    Raises:
        DataError: there is no train or validation split.
    """
    schema, classes = training.task.row_schema(), len(training.prepared.label_names)
    train, validation = (open_split(split) for split in training.fitting_splits())
    if schema.label is None and schema.label_set() is None:
        return [(train, torch.empty(0)), (validation, torch.empty(0))]
    return [
        labels_to_fit(schema, train, classes),
        (validation, labels_to_measure(schema, validation, classes)),
    ]


def seed_everything(seed: int) -> None:
    """Start all random generators from `seed`, and use deterministic algorithms where there are any."""
    set_seed(seed)
    torch.use_deterministic_algorithms(not machine.has_accelerator())
    # Fills every fresh buffer with NaN to show reads of uninitialised memory; no result depends on it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def initial_model(training: Training) -> tuple[Any, Any]:
    """Model and processor as training begins; new weights are drawn from torch's global generator.

    Raises:
        UserError: base and declaration do not fit together.
    """
    task, section, pretrained = training.task, training.section, training.init.init == "pretrained"
    model, processor = start_model(training)
    if (section.batch_norm or ("frozen" if pretrained else "updated")) == "frozen":
        freeze_batch_norm(model)
    if machine.checkpointing() and not model.supports_gradient_checkpointing:
        raise UserError(
            f"{machine.CHECKPOINTING}: {type(model).__name__} has no gradient checkpointing; unset it"
        )
    separate = task.capability(SeparateParts)
    parts = TrainableParts() if separate is None else separate.parts(model)
    return adapt(model, section.method, task.has_new_head, parts, pretrained), processor


def start_model(training: Training) -> tuple[Any, Any]:
    """The plain model whose weights training begins with, and its processor.

    New weights are drawn from torch's global generator. Raises `BaseModelError`.
    """
    from safetensors.torch import load_file

    model, processor = training.task.load_base(training.base, training.prepared.label_names, training.init)
    if training.head is not None:
        model.load_state_dict(load_file(training.head), strict=False)
    return model, processor
