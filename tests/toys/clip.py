"""Tiny real dual encoders, made from configs with a tokenizer of their own."""

from collections.abc import Callable, Iterable
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModel,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPProcessor,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipProcessor,
    set_seed,
)

from tests.toys.image import SIDE

CONTEXT = 16
_START, _END, _UNKNOWN = "<|startoftext|>", "<|endoftext|>", "[UNK]"


def trained_tokenizer(
    texts: Iterable[str], mask: bool = True, context: int = CONTEXT
) -> PreTrainedTokenizerFast:
    """A word-level tokenizer trained on texts, with CLIP's special tokens.

    Args:
        texts: what it learns its words from.
        mask: whether it gives an attention mask; SigLIP's do not.
        context: longest input in tokens.
    """
    tokenizer = Tokenizer(models.WordLevel(unk_token=_UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [_START, _END, _UNKNOWN]
    tokenizer.train_from_iterator(
        texts, trainers.WordLevelTrainer(special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_START} $A {_END}", special_tokens=[(_START, 0), (_END, 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=_START,
        eos_token=_END,
        pad_token=_END,
        unk_token=_UNKNOWN,
        model_max_length=context,
        model_input_names=["input_ids", *(["attention_mask"] if mask else [])],
    )


def _tower(width: int, layers: int) -> dict[str, int]:
    return {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
    }


def _towers(words: int, width: int, layers: int, context: int) -> dict[str, dict[str, int]]:
    """Configurations of a text tower and of a vision tower."""
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    own, size = _tower(width, layers), {"vocab_size": words, "max_position_embeddings": context}
    return {
        "text_config": {**own, **size, **ids},
        "vision_config": {**own, "image_size": SIDE, "patch_size": 8},
    }


def clip_config(words: int, width: int = 32, layers: int = 2, context: int = CONTEXT) -> PreTrainedConfig:
    """CLIP of two small towers."""
    return CLIPConfig(**_towers(words, width, layers, context), projection_dim=width)


def siglip_config(words: int, width: int = 32, layers: int = 2, context: int = CONTEXT) -> PreTrainedConfig:
    """SigLIP of two small towers."""
    return SiglipConfig(**_towers(words, width, layers, context))


DUAL: dict[str, Callable[[int], PreTrainedConfig]] = {"clip": clip_config, "siglip": siglip_config}


def toy_dual_base(folder: Path, texts: Iterable[str], family: str = "clip", weights: bool = True) -> Path:
    """A base folder of this family, with random weights or without any."""
    set_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = trained_tokenizer(texts, mask=family == "clip")
    config = DUAL[family](len(tokenizer))
    if weights:
        AutoModel.from_config(config).save_pretrained(folder)
    else:
        config.save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    if family == "clip":
        images = CLIPImageProcessorPil(size=size, do_center_crop=False)
        CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    else:
        SiglipProcessor(SiglipImageProcessorPil(size=size), tokenizer).save_pretrained(folder)
    return folder
