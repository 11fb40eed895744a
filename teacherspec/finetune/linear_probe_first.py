"""The new head starts as a linear probe of the frozen backbone, so that random weights do not distort it.

Linear probing, then fine-tuning (LP-FT, Kumar et al. 2022, arXiv 2202.10054). The probe is fitted to its
optimum instead of trained for some epochs: it needs one pass over the rows, no learning rate and no seed.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import UserError
from teacherspec.finetune.binary_losses import positive_weights
from teacherspec.finetune.inputs import Training, fitting_rows, seed_everything
from teacherspec.finetune.losses import balanced_weights
from teacherspec.inference.linear_probe import fit_linear_probe, loss_of
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.atomic_io import replacing
from teacherspec.runtime.device_placement import place
from teacherspec.spec.finetune import BinaryLoss
from teacherspec.tasks.shared.model_head import is_within, outside_base_model

if TYPE_CHECKING:
    import torch
    from torch import nn

HEAD_FILE = "head.safetensors"
"""File with the fitted head, in the scratch folder of its training."""


def fit_head(training: Training, scratch: Path) -> Path:
    """The file with weights and bias of the fitted output layer; a resumed training finds it there.

    All processes compute features; the main one fits and writes.

    Raises:
        UserError: the model has no linear output layer.
        DataError: there is no train or validation split.
    """
    path = scratch / HEAD_FILE
    if not distributed.broadcast(path.is_file()):
        weights = _fitted(training)
        if distributed.is_main_process():
            from safetensors.torch import save_file

            with replacing(path) as partial:
                save_file(weights, partial)
    distributed.barrier()
    return path


def _fitted(training: Training) -> "dict[str, torch.Tensor]":
    """Name of the parameter → value."""
    import torch

    task, section, prepared = training.task, training.section, training.prepared
    splits = fitting_rows(training)
    seed_everything(training.seed_of("initial_weights"))
    model, processor = task.load_base(training.base, prepared.label_names, training.init)
    name, layer = output_layer(model, len(prepared.label_names))
    # With its output layer replaced, the model gives what that layer reads, pooled as the architecture pools.
    model.set_submodule(name, torch.nn.Identity())
    batch_size = machine.batch_layout(section.batch_size).micro_batch
    model = place(model)
    processor = task.cache_shared_inputs(model, processor)
    train, validation = (
        (torch.from_numpy(row_outputs(task, task.logits, model, processor, rows, batch_size)), labels)
        for rows, labels in splits
    )
    weights = None
    if section.class_weights == "balanced":
        weights = balanced_weights(train[1], layer.out_features)
    elif isinstance(section.loss, BinaryLoss):
        weights = positive_weights(section.loss, train[1])
    probe = fit_linear_probe(
        train,
        validation,
        layer.out_features,
        weights,
        bias=layer.bias is not None,
        loss=loss_of(task.row_schema()),
    )
    fitted = {f"{name}.weight": probe.weight.contiguous()}
    return fitted if layer.bias is None else {**fitted, f"{name}.bias": probe.bias}


def output_layer(model: Any, classes: int) -> "tuple[str, nn.Linear]":
    """Name and module of the linear layer that gives the logits: the last one with an output a class.

    Raises:
        UserError: there is none.
    """
    from torch import nn

    head = outside_base_model(model)
    found = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and module.out_features == classes
        and (name in head or is_within(name, head))
    ]
    if not found:
        raise UserError(
            f"finetune.linear_probe_first: {type(model).__name__} has no linear output layer to fit; drop it"
        )
    return found[-1]
