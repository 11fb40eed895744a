"""A learning rate of its own for the parameters outside the backbone."""

from typing import TYPE_CHECKING, Any

from teacherspec.errors import UserError

if TYPE_CHECKING:
    import torch


def split_off_head(optimizer: "torch.optim.Optimizer", model: Any, learning_rate: float) -> None:
    """Move the head's parameters to groups of their own, each with the settings of the group it came from.

    Args:
        optimizer: before its first step and before a schedule reads its groups.
        model: plain, or wrapped with low-rank updates.
        learning_rate: peak of the head's groups.

    Raises:
        UserError: the model has no trained parameters outside its backbone.
    """
    plain = model.get_base_model() if hasattr(model, "get_base_model") else model
    backbone = {id(parameter) for parameter in plain.base_model.parameters()}
    head = {id(parameter) for parameter in plain.parameters() if parameter.requires_grad} - backbone
    if not head:
        raise UserError(
            f"finetune.head_learning_rate: {type(plain).__name__} has no head outside its backbone; drop it"
        )
    for group in list(optimizer.param_groups):
        moved = [parameter for parameter in group["params"] if id(parameter) in head]
        if moved:
            group["params"] = [parameter for parameter in group["params"] if id(parameter) not in head]
            optimizer.add_param_group({**group, "params": moved, "lr": learning_rate})
