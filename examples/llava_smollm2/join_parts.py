"""Join an image encoder and a language model to a LLaVA with a random projector, as LLaVA's training starts.

    python examples/llava_smollm2/join_parts.py models/dinov2-small SmolLM2.gguf models/llava photos.tar

The first is a base folder, the second a GGUF file or a base folder. The projector is that of LLaVA 1.5 (Liu
et al. 2023, arXiv 2310.03744), two layers; it reads the patches of the last layer. Photos are shown at 84
pixels, so that one takes 6 × 6 tokens. Its random weights are scaled by what the tower outputs for the photos
of the archive, those of training (`scale_projector`); without one they are as transformers draws them.
"""

import io
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
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
    image_tower: Path,
    language_model: Path,
    target: Path,
    photos: Sequence[Image.Image] = (),
    side: int = SIDE,
    resized: int = RESIZED,
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
    images = AutoImageProcessor.from_pretrained(
        image_tower, backend="pil", size={"shortest_edge": resized}, crop_size={"height": side, "width": side}
    )
    if photos:
        scale_projector(model, images(photos, return_tensors="pt")["pixel_values"])
    model.save_pretrained(target)
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


def scale_projector(model: LlavaForConditionalGeneration, pixels: torch.Tensor) -> None:
    """Give the random projector inputs and outputs of a sensible size.

    Data-dependent initial weights (Krähenbühl et al. 2016, arXiv 1511.06856). The states of all patches share
    a large mean, and some of their dimensions vary far more than others, so that tokens of different photos
    would hardly differ. The first layer subtracts the mean and divides by the standard deviation of each
    dimension; its outputs have variance 1, those of the second on average the length of a word's embedding.

    Args:
        model: with a random projector, which is changed.
        pixels: `[N, 3, H, W]` of some photos.
    """
    projector = model.model.multi_modal_projector
    with torch.no_grad():
        outputs = model.model.vision_tower(pixels, output_hidden_states=True)
        patches = outputs.hidden_states[model.config.vision_feature_layer][:, 1:].flatten(0, 1)  # [N · P, D]
        first, second = projector.linear_1, projector.linear_2
        first.weight.mul_(1 / first.weight.norm(dim=1, keepdim=True)).div_(patches.std(dim=0))
        first.bias.copy_(-first.weight @ patches.mean(dim=0))
        words = model.get_input_embeddings().weight.norm(dim=1).mean()
        second.weight.mul_(words / projector(patches).norm(dim=1).mean())


def photos_of(archive: Path) -> list[Image.Image]:
    """Every file of a tar archive as a photo, in the order of names."""
    with tarfile.open(archive) as opened:
        members = sorted((one for one in opened if one.isfile()), key=lambda one: one.name)
        contents = [opened.extractfile(one).read() for one in members]
    return [Image.open(io.BytesIO(content)).convert("RGB") for content in contents]


if __name__ == "__main__":
    tower, given, target = map(Path, sys.argv[1:4])
    decoder = convert_once(given, Path(".scratch/base")) if given.is_file() else given
    join(tower, decoder, target, photos_of(Path(sys.argv[4])) if len(sys.argv) > 4 else ())
