"""What is not trained: frozen weights, and statistics of BatchNorm."""

from collections.abc import Sequence
from typing import Any, Literal

from teacherspec.errors import UserError
from teacherspec.tasks.shared.interfaces.capabilities import TrainableParts
from teacherspec.tasks.shared.model_head import is_within, outside_base_model


def freeze(model: Any, names: Sequence[str] | Literal["backbone"], parts: TrainableParts) -> None:
    """Freeze parts of the model, and modules of the backbone by the beginning of their names.

    A new head is always trained.

    Raises:
        UserError: a name is neither a part nor the beginning of a module's name, or nothing is left to train.
    """
    backbone = model.base_model
    others = outside_base_model(model) if names == "backbone" else ()
    if names == "backbone" and not others:
        raise UserError(
            f"finetune.method.freeze: {type(model).__name__} has no head outside its backbone, so nothing "
            "would be trained; name modules, at its top are "
            f"{', '.join(sorted(name for name, _ in model.named_children()))}"
        )
    if names == "backbone":
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(is_within(name, others))
        return
    modules = dict(backbone.named_modules())
    declared = [name for name in names if name not in parts.modules]
    unknown = [name for name in declared if not any(_begins(name, module) for module in modules)]
    if unknown:
        top = sorted({*parts.modules, *(name for name, _ in backbone.named_children())})
        raise UserError(
            f"finetune.method.freeze: the backbone has no module {', '.join(unknown)}; at its top are "
            f"{', '.join(top)}; or `backbone` for all of it"
        )
    for module, parameter in backbone.named_parameters():
        if any(_begins(name, module) for name in declared):
            parameter.requires_grad_(False)
    for name in set(names).intersection(parts.modules):
        for module in parts.modules[name]:
            model.get_submodule(module).requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError(
            f"finetune.method.freeze: {', '.join(names)} is all there is; leave something to train"
        )


def _begins(name: str, module: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def freeze_batch_norm(model: Any) -> None:
    """Let every BatchNorm layer use its running statistics in training too, without updating them.

    Small batches estimate statistics badly, gradient accumulation never sees the whole batch, and the
    checkpoint that early stopping chooses would hold those of its last batches. Scale and shift are trained.
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    for module in model.modules():
        if isinstance(module, _BatchNorm):
            # A hook, because Trainer puts the model into training mode before every step.
            module.register_forward_pre_hook(_to_eval_mode)


def _to_eval_mode(module: Any, inputs: Any) -> None:  # noqa: ARG001
    module.training = False
