"""Processors of images and text: loaded without torchvision; the tokens that an image expands to."""

import inspect
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from teacherspec.errors import BaseModelError
from teacherspec.tasks.shared import hf_loading
from teacherspec.tasks.shared.image_dataset import trimmed
from teacherspec.tasks.shared.image_decoding import FORMATS, decode
from teacherspec.text.image_placeholders import ImageText

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

TEXT_INPUTS = frozenset({"input_ids", "attention_mask"})
"""Outputs of a processor for text; the encoder computes them instead."""

UNKNOWN_INPUTS = frozenset({"token_type_ids", "mm_token_type_ids"})
"""Further outputs of some processors for text; models that read one of them are not supported yet."""

_known: "WeakKeyDictionary[Any, dict[tuple[int, int], str]]" = WeakKeyDictionary()
"""Processor → size of an image → the text that it expands to."""


def load_processor(folder: Path, max_length: int) -> Any:
    """The processor of a base, with Pillow for images and `max_length` (tokens) as the tokenizer's limit.

    Raises:
        BaseModelError: there is none for images and text, or it does not load.
    """
    from transformers import AutoProcessor

    hf_loading.quiet_libraries()
    try:
        processor = AutoProcessor.from_pretrained(folder, **hf_loading.SAFE)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise BaseModelError(
            f"{folder}: the processor does not load: {hf_loading.first_line(error)}"
        ) from error
    parts = ("tokenizer", "image_processor", "image_token")
    if lacking := [name for name in parts if getattr(processor, name, None) is None]:
        raise BaseModelError(
            f"{folder}: its processor, a {type(processor).__name__}, has no {', '.join(lacking)}; a base "
            "that reads images in a text needs all three (`processor_config.json` names its class)"
        )
    # torchvision, where it is installed, gives slightly different pixels.
    processor.image_processor = hf_loading.load_image_processor(folder)
    hf_loading.set_max_length(processor.tokenizer, folder, max_length)
    if processor.tokenizer.pad_token == processor.image_token:
        raise BaseModelError(
            f"{folder}: its tokenizer pads with {processor.image_token}, which means an image"
        )
    processor.tokenizer.chat_template = processor.chat_template or processor.tokenizer.chat_template
    return processor


def image_text(processor: Any) -> ImageText:
    """How images become text with this processor, which depends on their width and height alone.

    The processor is run once for each size, on a blank image.
    """
    known = _known.setdefault(processor, {})

    def expansion(content: bytes) -> str:
        from PIL import Image

        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            size = image.size
        if size not in known:
            known[size] = _expansion(processor, size)
        return known[size]

    return ImageText(processor.image_token, expansion)


def _expansion(processor: Any, size: tuple[int, int]) -> str:
    from PIL import Image

    given = _processed(processor, [Image.new("RGB", size)])
    tokenizer, ids = processor.tokenizer, given["input_ids"][0].tolist()
    added = tokenizer.added_tokens_decoder
    text = "".join(added[token].content if token in added else tokenizer.decode([token]) for token in ids)
    if tokenizer(text, add_special_tokens=False)["input_ids"] != ids:
        raise BaseModelError(
            "base: the tokens of an image do not come back from their text; choose another base"
        )
    return text


def _processed(processor: Any, images: "Sequence[Image]") -> Any:
    """The outputs of the processor for images alone. Raises `BaseModelError`."""
    try:
        return processor(
            images=[trimmed(processor.image_processor, image) for image in images],
            text=[processor.image_token] * len(images),
            add_special_tokens=False,
            padding=True,
            return_tensors="pt",
        )
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise BaseModelError(
            f"base: its processor fails on images: {hf_loading.first_line(error)}; "
            "processor_config.json must declare how many tokens an image takes (for LLaVA: patch_size, "
            "vision_feature_select_strategy and num_additional_image_tokens)"
        ) from error


def vision_inputs(processor: Any, contents: Sequence[bytes]) -> "Mapping[str, torch.Tensor]":
    """Model inputs of encoded images: `pixel_values` and the inputs that go with them."""
    if not contents:
        return {}
    given = _processed(processor, list(map(decode, contents)))
    return {name: given[name] for name in given if name not in TEXT_INPUTS | UNKNOWN_INPUTS}


def check_supported(folder: Path, model: Any, processor: Any) -> None:
    """Refuse a model that reads more than tokens of a text, or uses another image token than its processor.

    Raises:
        BaseModelError: it does either.
    """
    from PIL import Image

    given = _processed(processor, [Image.new("RGB", (32, 32))])
    read = inspect.signature(type(model).forward).parameters
    if more := sorted(UNKNOWN_INPUTS & set(given) & set(read)):
        raise BaseModelError(
            f"{folder}: {type(model).__name__} reads {', '.join(more)} besides tokens, which is not "
            "supported yet; choose a base of the LLaVA family"
        )
    written = processor.tokenizer.convert_tokens_to_ids(processor.image_token)
    expected = getattr(model.config, "image_token_id", written)
    if expected != written:
        raise BaseModelError(
            f"{folder}: the model takes token {expected} for an image (config.json), the processor writes "
            f"{processor.image_token}, which is token {written}; make them agree"
        )
