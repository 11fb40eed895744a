"""Dual encoders: an image tower and a text tower that embed into one space (CLIP, SigLIP).

Radford et al. 2021 (arXiv 2103.00020), Zhai et al. 2023 (arXiv 2303.15343).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import BaseModelError
from teacherspec.tasks.shared import hf_loading
from teacherspec.tasks.shared.image_dataset import FEATURES

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary
    from teacherspec.tasks.shared.interfaces.model import Batch, ModelInit

TEXT_INPUTS = ("input_ids", "attention_mask")
"""Inputs of a text tower; SigLIP's tokenizers give no mask, since its towers were trained without one."""

PAIR = "pair_"
"""Prefix of the inputs of the one text that belongs to an image, in a training batch."""


@dataclass(frozen=True)
class DualProcessor:
    """A processor of images and texts, with the prompts of the classes.

    Attributes:
        processor: of transformers, saved as it is.
        max_length: tokens to which every text is padded and cut: SigLIP attends to its padding, and with
            CLIP's causal mask padding changes nothing.
        names: label names in the order of the logits; empty without classes.
        shared: inputs that all rows share: tokens `[P, L]` of the prompts of all classes, or instead the
            embeddings of the classes; None where rows have prompts of their own.
    """

    processor: Any
    max_length: int
    names: tuple[str, ...] = ()
    shared: "Mapping[str, torch.Tensor] | None" = None

    @property
    def images(self) -> Any:
        """The image processor."""
        return self.processor.image_processor

    @property
    def tokenizer(self) -> Any:
        """The tokenizer."""
        return self.processor.tokenizer

    def tokens(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        """Tokens `[N, L]` of texts."""
        tokens = self.tokenizer(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=self.max_length,
            return_tensors="pt",
        )
        return {name: tokens[name] for name in TEXT_INPUTS if name in tokens}

    def with_classes(self, names: Sequence[str], shared: Sequence[str] | None) -> "DualProcessor":
        """The same for these classes; `shared` are the prompts of all rows, or None if each has its own."""
        return replace(self, names=tuple(names), shared=None if shared is None else self.tokens(shared))

    def save_pretrained(self, folder: Path) -> None:
        """Write the processor, its image processor also under the file name that older readers use."""
        self.processor.save_pretrained(folder)
        self.images.save_pretrained(folder)


def load_processor(folder: Path, max_length: int) -> DualProcessor:
    """The processor of a folder with its Pillow backend. Raises `BaseModelError`."""
    from transformers import AutoProcessor

    hf_loading.quiet_libraries()
    tokenizer = hf_loading.load_tokenizer(folder, max_length)
    images = hf_loading.load_image_processor(folder)
    try:
        processor = AutoProcessor.from_pretrained(folder, backend="pil", **hf_loading.SAFE)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise BaseModelError(
            f"{folder}: the processor does not load: {hf_loading.first_line(error)}"
        ) from error
    if not hasattr(processor, "image_processor"):
        raise BaseModelError(
            f"{folder}: has no processor of images and texts together; choose a CLIP or SigLIP base"
        )
    processor.tokenizer, processor.image_processor = tokenizer, images
    return DualProcessor(processor, max_length)


def load_towers(
    folder: Path, label_names: Sequence[str] | None, start: "ModelInit | None"
) -> "PreTrainedModel":
    """Both towers in float32 and eval mode; no head is added.

    Args:
        folder: a model folder.
        label_names: names for the config, or None to keep the folder's own.
        start: how a base becomes the model to train, or None for a fine-tuned model as saved.

    Raises:
        BaseModelError: the model does not load, or has no temperature of its own.
    """
    from transformers import AutoModel

    config = hf_loading.load_config(folder, label_names, start.dropout if start else None)
    if start is not None and start.init == "config":
        model = hf_loading.start_model(AutoModel, folder, config, start)
    else:
        model = hf_loading.load_weights(AutoModel, folder, config, new_head=False)
    if not hasattr(model, "logit_scale"):
        raise BaseModelError(
            f"{folder}: {type(model).__name__} has no `logit_scale` to learn; choose a CLIP or SigLIP base"
        )
    return model


def refuse_single_tower(folder: Path, backbone: "BaseSummary") -> None:
    """Refuse an architecture that does not embed both images and texts. Raises `BaseModelError`."""
    import transformers

    architecture = getattr(transformers, backbone.architecture, None)
    if not all(hasattr(architecture, f"get_{name}_features") for name in ("image", "text")):
        raise BaseModelError(
            f"{folder / 'config.json'}: {backbone.architecture} has not one tower for images and one for "
            "texts; choose a CLIP or SigLIP base, or another task.kind"
        )


def width(model: Any) -> int:
    """D, of any dual encoder: SigLIP's config has no `projection_dim`."""
    size: int = getattr(model.config, "projection_dim", None) or model.config.vision_config.hidden_size
    return size


def embed_images(model: Any, batch: "Batch") -> "torch.Tensor":
    """`pixel_values` `[B, 3, H, W]`, or what the image tower gives of them, → `[B, D]` of length 1."""
    from torch.nn import functional

    if FEATURES in batch:
        projection = getattr(model, "visual_projection", None)  # SigLIP has none
        found = batch[FEATURES] if projection is None else projection(batch[FEATURES])
    else:
        found = model.get_image_features(pixel_values=batch["pixel_values"]).pooler_output
    return functional.normalize(found, dim=-1)


def tower_outputs(model: Any, batch: "Batch") -> "torch.Tensor":
    """What the image tower gives, before any projection, `[B, H]`."""
    outputs: torch.Tensor = model.vision_model(pixel_values=batch["pixel_values"]).pooler_output
    return outputs


def embed_texts(model: Any, tokens: "Mapping[str, torch.Tensor]") -> "torch.Tensor":
    """Tokens `[N, L]` → `[N, D]` of length 1."""
    from torch.nn import functional

    inputs = {name: tokens[name] for name in TEXT_INPUTS if name in tokens}
    return functional.normalize(model.get_text_features(**inputs).pooler_output, dim=-1)


def embed_classes(model: Any, tokens: "Mapping[str, torch.Tensor]", classes: int) -> "torch.Tensor":
    """Prompts → the mean of the embeddings of each class's templates, of length 1.

    Args:
        model: both towers.
        tokens: `[C·T, L]`, or `[B, C·T, L]` where rows have prompts of their own.
        classes: C.

    Returns:
        `[C, D]`, or `[B, C, D]`.
    """
    from torch.nn import functional

    *leading, length = tokens["input_ids"].shape
    flat = embed_texts(model, {name: part.reshape(-1, length) for name, part in tokens.items()})
    by_class = flat.reshape(*leading[:-1], classes, -1, flat.shape[-1])
    return functional.normalize(by_class.mean(dim=-2), dim=-1)


def class_logits(model: Any, images: "torch.Tensor", classes: "torch.Tensor") -> "torch.Tensor":
    """Cosines times the model's own scale, once, plus its bias where it has one: `[B, C]`.

    Args:
        model: both towers.
        images: `[B, D]`.
        classes: `[C, D]` or `[B, C, D]`.
    """
    cosines = images @ classes.T if classes.ndim == 2 else (classes @ images.unsqueeze(-1)).squeeze(-1)
    logits: torch.Tensor = model.logit_scale.exp() * cosines
    bias = getattr(model, "logit_bias", None)
    return logits if bias is None else logits + bias
