"""Join an image encoder and a language model to a LLaVA with a random projector, as LLaVA's training starts.

    python examples/llava_smollm2/join_parts.py models/dinov2-small SmolLM2.gguf models/llava-smollm2

The first is a base folder, the second a GGUF file or a base folder. The projector is that of LLaVA 1.5 (Liu
et al. 2023, arXiv 2310.03744), two layers; it reads the patches of the last layer. Photos are shown at 84
pixels, so that one takes 6 × 6 tokens.
"""

import sys
from pathlib import Path

from transformers import (
    AutoImageProcessor,
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    set_seed,
)

from teacherspec.model_files.gguf.convert import convert_once

SIDE, RESIZED = 84, 96
"""Pixels of the square that is shown, and of the shorter side that it is cut from."""

IMAGE = "<image>"


def join(
    image_tower: Path, language_model: Path, target: Path, side: int = SIDE, resized: int = RESIZED
) -> None:
    """Write the LLaVA of the two parts to `target`; its projector and one token are drawn with seed 0."""
    set_seed(0)
    tower = AutoModel.from_pretrained(image_tower)
    decoder = AutoModelForCausalLM.from_pretrained(language_model)
    tokenizer = AutoTokenizer.from_pretrained(language_model)
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE]}, replace_extra_special_tokens=False)
    decoder.resize_token_embeddings(max(decoder.config.vocab_size, len(tokenizer)))  # many have spare rows
    config = LlavaConfig(
        vision_config=tower.config,
        text_config=decoder.config,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        vision_feature_layer=-1,
        tie_word_embeddings=decoder.config.tie_word_embeddings,
        architectures=["LlavaForConditionalGeneration"],
    )
    model = LlavaForConditionalGeneration(config)
    model.model.vision_tower.load_state_dict(tower.state_dict())
    model.model.language_model.load_state_dict(decoder.model.state_dict())
    model.lm_head.load_state_dict(decoder.lm_head.state_dict())
    model.save_pretrained(target)
    images = AutoImageProcessor.from_pretrained(
        image_tower, backend="pil", size={"shortest_edge": resized}, crop_size={"height": side, "width": side}
    )
    processor = LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=tower.config.patch_size,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=tokenizer.chat_template,
    )
    processor.save_pretrained(target)


if __name__ == "__main__":
    tower, given, target = map(Path, sys.argv[1:4])
    join(tower, convert_once(given, Path(".scratch/base")) if given.is_file() else given, target)
