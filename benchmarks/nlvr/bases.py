"""Tiny bases: a configuration, an image processor, and a tokenizer trained on the texts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

SIDE, PATCH, WIDTH = 96, 12, 128
GREY, SPREAD = (0.827,) * 3, (0.5,) * 3
"""Of the image processor: the background is 0, so that what is drawn stands out from the first step on."""

SEEING_LAYERS, READING_LAYERS, CLIP_CONTEXT = 3, 2, 64
ANSWERING_LAYERS, CONTEXT = 3, 512
ACTIVATION = "gelu"
"""In place of CLIP's, which costs a third more on a CPU."""
SELECT = "full"
"""The sum of a picture, by which CLIP learned to tell it, is shown beside its parts."""


def _tower(layers: int, inner: int) -> dict[str, Any]:
    return {
        "hidden_size": WIDTH,
        "intermediate_size": inner * WIDTH,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
    }


def image_processor() -> Any:
    """Of all bases here: squeezes a picture into a square."""
    from transformers import CLIPImageProcessorPil

    return CLIPImageProcessorPil(
        size={"height": SIDE, "width": SIDE}, do_center_crop=False, image_mean=GREY, image_std=SPREAD
    )


def make_clip(folder: Path, texts: Iterable[str]) -> None:
    """A CLIP of two small towers, for texts of at most `CLIP_CONTEXT` tokens; its weights are drawn."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor, PreTrainedTokenizerFast

    start, end, unknown = "<|startoftext|>", "<|endoftext|>", "[UNK]"
    tokenizer = Tokenizer(models.WordLevel(unk_token=unknown))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(
        special_tokens=[start, end, unknown], min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator([*texts, "not: not:"], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, 0), (end, 1)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=start, eos_token=end, pad_token=end, unk_token=unknown
    )
    tower = {**_tower(READING_LAYERS, 4), "hidden_act": ACTIVATION}
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    text = {**tower, **ids, "vocab_size": len(fast), "max_position_embeddings": CLIP_CONTEXT}
    vision = {**tower, "num_hidden_layers": SEEING_LAYERS, "image_size": SIDE, "patch_size": PATCH}
    torch.manual_seed(0)
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=WIDTH)
    CLIPModel(config).save_pretrained(folder)
    CLIPProcessor(image_processor=image_processor(), tokenizer=fast).save_pretrained(folder)


def make_llava(folder: Path, texts: Iterable[str], seeing: Path) -> None:
    """A LLaVA that sees by the vision tower of a CLIP; its Llama is small and drawn anew."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import (
        CLIPModel,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    pad, unknown, end, image = special = ["[PAD]", "[UNK]", "</s>", "<image>"]
    tokenizer = Tokenizer(models.WordLevel(unk_token=unknown))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(special_tokens=special, min_frequency=2, show_progress=False)
    tokenizer.train_from_iterator([*texts, *(2 * ["= true false"])], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pad,
        unk_token=unknown,
        eos_token=end,
        extra_special_tokens=[image],
    )
    text = LlamaConfig(
        **_tower(ANSWERING_LAYERS, 3),
        vocab_size=len(fast),
        max_position_embeddings=CONTEXT,
        eos_token_id=2,
        pad_token_id=0,
    )
    eyes = CLIPModel.from_pretrained(seeing)
    config = LlavaConfig(
        vision_config=eyes.config.vision_config,
        text_config=text,
        image_token_index=3,
        vision_feature_layer=-1,
        vision_feature_select_strategy=SELECT,
    )
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config)
    tower = {name: part for name, part in eyes.state_dict().items() if name.startswith("vision_model.")}
    own = model.model.vision_tower.state_dict()
    prefix = "" if next(iter(own)).startswith("vision_model.") else "vision_model."
    model.model.vision_tower.load_state_dict({name: tower[f"{prefix}{name}"] for name in own})
    model.save_pretrained(folder)
    LlavaProcessor(
        image_processor=image_processor(),
        tokenizer=fast,
        patch_size=PATCH,
        vision_feature_select_strategy=SELECT,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
