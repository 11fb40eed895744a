"""Which part of a model is its head, and how a new one is drawn.

transformers has no common name for it: most architectures put everything else below `base_model_prefix`, some
have a normalisation or a pooler between, and CLIP, SigLIP or HGNet have no such module at all. What all
classifiers have in common is that the shapes of the head depend on the number of labels.
"""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from teacherspec.errors import BaseModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_last_layers: "WeakKeyDictionary[Any, str]" = WeakKeyDictionary()
"""Model → name of its last layer: finding it builds the architecture again, without weights."""


def head_names(model: "PreTrainedModel") -> tuple[str, ...]:
    """Dotted names of the modules of a classifier's head, in their order; none for other models.

    The children of the model with a parameter whose shape depends on the number of labels; where that child
    is the backbone, as in timm's models, only the layer itself.
    """
    names = (_module_of(parameter, model) for parameter in _label_dependent(model))
    return tuple(dict.fromkeys(names))


def outside_base_model(model: "PreTrainedModel") -> tuple[str, ...]:
    """Dotted names of the modules with parameters that are no part of the backbone, in their order."""
    children = dict(model.named_children())
    siblings = [name for name, child in children.items() if next(child.parameters(), None) is not None]
    if model.base_model_prefix not in children:
        return head_names(model)
    others = [name for name in siblings if name != model.base_model_prefix]
    return tuple(dict.fromkeys([*others, *head_names(model)]))


def has_base_model(model: "PreTrainedModel") -> bool:
    """Whether the model has a backbone that can be called without the head."""
    from transformers import PreTrainedModel

    return model.base_model is not model and isinstance(model.base_model, PreTrainedModel)


def is_within(name: str, modules: Sequence[str]) -> bool:
    """Whether a parameter lies in one of these modules."""
    return name.startswith(tuple(f"{module}." for module in modules))


def may_be_missing(model: "PreTrainedModel", head: Sequence[str], name: str) -> bool:
    """Whether a base may lack a tensor: of the head, between backbone and head, or of a pooler.

    Bases trained on masked words alone have no pooler, and those without a head no normalisation before it.
    """
    prefix = model.base_model_prefix
    if is_within(name, head) or prefix not in dict(model.named_children()):
        return is_within(name, head)
    return not is_within(name, [prefix]) or is_within(name, [f"{prefix}.pooler"])


def draw_head(model: "PreTrainedModel", head: Sequence[str]) -> None:
    """Initialise the head anew, by the architecture's own initialisation; all else stays as it is.

    A base that was fine-tuned for other labels may have a head of the same shape, which must not be reused
    silently. Draws from torch's global generator.

    Raises:
        BaseModelError: the architecture does not initialise a part of its head.
    """
    import torch

    modules = [model.get_submodule(name) for name in head]
    drawn = {id(parameter) for module in modules for parameter in module.parameters()}
    for parameter in model.parameters():
        # transformers leaves parameters alone that are marked as initialised.
        parameter._is_hf_initialized = id(parameter) not in drawn
    with torch.no_grad():
        for module in modules:
            for parameter in module.parameters():
                parameter.fill_(torch.nan)
    for part in (*(part for module in modules for part in module.modules()), model):
        model._init_weights(part)  # the model too: CLIP initialises its classifier there
    left = [
        name for name, parameter in model.named_parameters()
        if id(parameter) in drawn and bool(parameter.isnan().any())
    ]  # fmt: skip
    if left:
        raise BaseModelError(
            f"base: {type(model).__name__} does not initialise {', '.join(left)} of a new head; "
            "choose another base"
        )


def head_inputs(model: Any, pixel_values: "torch.Tensor", **options: bool) -> "tuple[torch.Tensor, Any]":
    """What the last layer reads of images, `[B, H]`: the backbone's output as the architecture pools it.

    Args:
        model: an image classifier.
        pixel_values: `[B, 3, H, W]`.
        options: further arguments of the model, such as `output_hidden_states`.

    Returns:
        The features, and the outputs of the model.
    """
    found: list[torch.Tensor] = []
    layer = model.get_submodule(last_layer(model))
    hook = layer.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    try:
        outputs = model(pixel_values=pixel_values, **options)
    finally:
        hook.remove()
    return found[0].flatten(1), outputs


def last_layer(model: Any) -> str:
    """Name of the layer that gives the logits."""
    if model not in _last_layers:
        _last_layers[model] = _label_dependent(model)[0].rpartition(".")[0]
    return _last_layers[model]


def _label_dependent(model: "PreTrainedModel") -> list[str]:
    """Parameters whose shape is another with one label more."""
    import torch

    config = copy.deepcopy(model.config)
    config.num_labels = model.config.num_labels + 1
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        other = type(model)(config)
    shapes = {name: parameter.shape for name, parameter in other.named_parameters()}
    # What was added to the model is no part of its head.
    known = ((name, parameter) for name, parameter in model.named_parameters() if name in shapes)
    return [name for name, parameter in known if parameter.shape != shapes[name]]


def _module_of(parameter: str, model: "PreTrainedModel") -> str:
    child = parameter.partition(".")[0]
    return parameter.rpartition(".")[0] if child == model.base_model_prefix else child


def centre_output(model: "PreTrainedModel", value: float) -> None:
    """Let a new head of one output start at `value`: its bias would need thousands of steps to get there.

    Heads without a bias stay as they are.
    """
    from torch import nn

    for _, module in reversed(list(model.named_modules())):
        if isinstance(module, nn.Linear) and module.out_features == 1:
            if module.bias is not None:
                nn.init.constant_(module.bias, value)
            return
