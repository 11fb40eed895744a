"""What follows from a model's config alone: its class, numbers of parameters, and the size of its cache."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import BaseModelError, UserError
from teacherspec.model_files.config_checks import read_json_object

if TYPE_CHECKING:
    from transformers import PretrainedConfig

NF4_BYTES = 0.5 + (1 / 64 + 4 / (64 * 256))
"""Bytes of a 4-bit parameter with the doubly quantised scale of its block (Dettmers et al. 2023, QLoRA)."""

FLOAT32_BYTES, HALF_BYTES = 4, 2


TASKS = ("text-generation", "text-classification", "image-classification")
"""Tasks of the hub whose models answer with logits over one kind of input."""


@dataclass(frozen=True)
class Shapes:
    """Counts that no batch changes.

    Attributes:
        parameters: all of the model.
        linear: those of linear layers in the backbone, which QLoRA stores in 4 bits.
        layer: those of the largest repeated layer, 0 where none repeats.
        cache: bytes that each token of a generated text keeps, in 16-bit floats; None for other models.
    """

    parameters: int
    linear: int
    layer: int
    cache: int | None


def read_config(path: Path) -> "PretrainedConfig":
    """The config in `path`, a `config.json` or a folder with one; no code of it is ever run.

    Raises:
        BaseModelError: no such file, broken JSON, or an architecture that transformers does not have.
    """
    from transformers import AutoConfig

    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        raise BaseModelError(f"{file}: not found; give a config.json, or a folder that holds one")
    try:
        values = read_json_object(file)
    except ValueError as error:
        raise BaseModelError(f"{file}: {error}") from error
    model_type = values.pop("model_type", None)
    try:
        return AutoConfig.for_model(str(model_type), **values)
    except (ValueError, TypeError, KeyError) as error:
        cause = str(error).split("\n", 1)[0].split(" Should be one of", 1)[0][:200]
        raise BaseModelError(
            f"{file}: transformers cannot read it (model_type {model_type!r}: {cause}); "
            "give the config of an architecture that it has without remote code"
        ) from error


def auto_class(hub_task: str, config: "PretrainedConfig") -> str:
    """Name of the Auto class that builds this model for a task of the hub, such as `text-generation`.

    Raises:
        UserError: no such task, or the architecture has no head for it.
    """
    from transformers.pipelines import check_task

    if hub_task not in TASKS:
        raise UserError(f"--task: no memory plan for {hub_task!r} (allowed: {', '.join(TASKS)})")
    found: Any = check_task(hub_task)[1]["pt"][0]
    if type(config) not in found._model_mapping:
        raise UserError(
            f"--task: a {config.model_type} model has no head for {hub_task}; choose another task of "
            f"{', '.join(TASKS)}, or another base"
        )
    return str(found.__name__)


def shapes(config: "PretrainedConfig", class_name: str) -> Shapes:
    """Counts of the model that `config` describes, exactly, built without storage."""
    import torch
    import transformers

    with torch.device("meta"):
        model: Any = getattr(transformers, class_name).from_config(config)
    backbone = model.base_model
    repeated = [module for module in backbone.modules() if isinstance(module, torch.nn.ModuleList)]
    layers = [sum(p.numel() for p in layer.parameters()) for modules in repeated for layer in modules]
    linear = sum(
        module.weight.numel() for module in backbone.modules() if isinstance(module, torch.nn.Linear)
    )
    return Shapes(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        linear=linear,
        layer=max(layers, default=0),
        cache=_cache_bytes(config) if model.can_generate() else None,
    )


def _cache_bytes(config: "PretrainedConfig") -> int:
    """Keys and values of one token in all layers; grouped-query attention keeps fewer heads."""
    text = config.get_text_config()
    heads = text.num_attention_heads
    size = getattr(text, "head_dim", None) or text.hidden_size // heads
    kept = getattr(text, "num_key_value_heads", None) or heads
    return int(2 * text.num_hidden_layers * kept * size * HALF_BYTES)
