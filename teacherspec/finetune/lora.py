"""Low-rank adaptation (LoRA), merged into plain weights before the model is saved."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teacherspec.errors import UserError
from teacherspec.finetune.freezing import freeze
from teacherspec.finetune.qlora import dequantize, quantize
from teacherspec.spec.finetune import Full, Lora
from teacherspec.tasks.shared.interfaces.capabilities import TrainableParts
from teacherspec.tasks.shared.model_head import is_within, outside_base_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

NO_PARTS = TrainableParts()

MERGE_TOLERANCE = 1e-3
"""Largest relative difference of logits that merging in float32 may cause."""


def linear_layers(model: Any, parts: TrainableParts) -> list[str]:
    """Full names of the linear layers in the part of the backbone that gets updates.

    They include transformers' `Conv1D`, a linear layer with transposed weights that GPT-2 uses.
    """
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    if parts.adapted is not None:
        within = tuple(f"{place}." for place in parts.modules[parts.adapted])
    else:
        within = ("",)
    others = outside_base_model(model)
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
        and name.startswith(within)
        and not is_within(f"{name}.weight", others)
    ]


def _targets(model: Any, layers: Sequence[str], method: Lora) -> list[str]:
    """The linear layers that get updates, as declared. Raises `UserError` where there are none."""
    if not layers:
        raise UserError(
            f"finetune.method: {type(model).__name__} has no linear layers to adapt; use method full, with "
            "`freeze` to train less of it"
        )
    if method.target_modules == "all-linear":
        return list(layers)
    last_names = {name.rpartition(".")[2] for name in layers}
    if unknown := [name for name in method.target_modules if name not in last_names]:
        raise UserError(
            f"finetune.method.target_modules: the base has no linear layer {', '.join(unknown)}; "
            f"allowed: all-linear, or any of {', '.join(sorted(last_names))}"
        )
    return [name for name in layers if name.rpartition(".")[2] in method.target_modules]


def adapt(
    model: Any,
    method: Full | Lora,
    new_head: bool = True,
    parts: TrainableParts = NO_PARTS,
    pretrained: bool = True,
) -> Any:
    """The model to train: itself, or wrapped with low-rank updates drawn from torch's global generator.

    `all-linear` becomes a list of names here, because peft's own also adapts the new classifier of vision
    models, and then does not save it.

    Args:
        model: the plain model.
        method: the declared method.
        new_head: whether the parameters outside the backbone are new, and therefore trained in full.
        parts: of the model.
        pretrained: whether its weights are pre-trained; random ones are frozen only where declared.

    Raises:
        UserError: a declared target, part or frozen module is not in the model, or a library is missing.
    """
    if isinstance(method, Full):
        frozen = parts.frozen if pretrained else ()
        freeze(model, frozen if method.freeze is None else method.freeze, parts)
        return model
    from peft import LoraConfig, get_peft_model

    if unknown := [name for name in method.modules_to_save if name not in parts.modules]:
        allowed = ", ".join(sorted(parts.modules)) or "none, for this kind of task"
        raise UserError(f"finetune.method.modules_to_save: no part {', '.join(unknown)} (allowed: {allowed})")
    if parts.adapted in method.modules_to_save:
        raise UserError(
            f"finetune.method.modules_to_save: {parts.adapted} gets the updates; use method full, or drop it"
        )
    layers = linear_layers(model, parts)
    targets = _targets(model, layers, method)
    config = LoraConfig(
        r=method.rank,
        lora_alpha=method.alpha,
        lora_dropout=method.dropout,
        target_modules=targets,
        modules_to_save=[
            *(outside_base_model(model) if new_head else ()),
            *(module for name in method.modules_to_save for module in parts.modules[name]),
        ]
        or None,
        use_dora=method.dora,
        bias="none",
    )
    if method.quantize is not None:
        quantize(model, layers)
    with warnings.catch_warnings():
        # peft 0.21 still uses a name that transformers 5.23 has renamed; users cannot change that.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        # It detects transposed weights by itself, and warns that it did.
        warnings.filterwarnings("ignore", "fan_in_fan_out is set to")
        return get_peft_model(model, config)


def merge(
    logits: "Callable[[Any, Mapping[str, torch.Tensor]], torch.Tensor]",
    model: Any,
    method: Full | Lora,
    batch: "Mapping[str, torch.Tensor]",
) -> Any:
    """The plain model with the updates added to its float32 weights.

    Args:
        logits: computes logits from a model and its inputs.
        model: what `adapt` returned, trained.
        method: the declared method.
        batch: model inputs on which logits before and after merging are compared.

    Raises:
        UserError: the merged model does not give the adapter's logits.
    """
    if isinstance(method, Full):
        return model
    import torch

    model.train(False)
    with torch.no_grad():
        adapted = logits(model, batch)
        if method.quantize is not None:
            model = dequantize(model)
        merged_model = model.merge_and_unload()
        merged = logits(merged_model, batch)
    difference = ((adapted - merged).abs().max() / adapted.abs().max().clamp(min=1e-6)).item()
    if not difference <= MERGE_TOLERANCE:
        raise UserError(
            f"finetune: merging the adapter changed the logits by {difference:.2e} of their size "
            f"(allowed {MERGE_TOLERANCE:.0e}); use a lower finetune.method.alpha or method full"
        )
    return merged_model
