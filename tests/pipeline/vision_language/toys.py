"""Rows, splits and bases of a toy task that a tiny model sees and learns: name the colour of a square."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
    LlavaProcessor,
    set_seed,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

from teacherspec.splits import Prepared
from teacherspec.tasks.vision_language.task import VisionLanguage
from tests.toys.language_models import SHAPE, tiny_tokenizer
from tests.toys.trained_language_model import ROLES, write_prepared

SIDE, PATCH = 16, 8
SEEN = (SIDE // PATCH) ** 2
"""Tokens of an image."""

LLAVA = (
    "{% for m in messages %}{{ m['role'].upper() }}:{{ ' ' }}{% for p in m['content'] %}"
    "{% if p['type'] == 'image' %}<image>\n{% else %}{{ p['text'] }}{% endif %}{% endfor %}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% else %}{{ ' ' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 210), "white": (250, 250, 250)}


def task(**values: Any) -> VisionLanguage:
    """The toy task with these changes."""
    declared = {"kind": "vision_language", "rendering": {"kind": "chat"}, "max_length": 64, **values}
    return VisionLanguage.model_validate_json(json.dumps(declared))


def processor(family: str = "llava", template: str | None = LLAVA) -> Any:
    """A processor of 16 × 16 pixels and four tokens an image (LLaVA-NeXT: of some more)."""
    tokenizer = tiny_tokenizer(template)
    tokenizer.add_special_tokens({"extra_special_tokens": [*tokenizer.extra_special_tokens, "<image>"]})
    size = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}
    common = {
        "tokenizer": tokenizer,
        "patch_size": PATCH,
        "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
        "chat_template": template,
    }
    if family == "llava":
        return LlavaProcessor(image_processor=CLIPImageProcessorPil(**size), **common)
    pinpoints = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE]]
    return LlavaNextProcessor(
        image_processor=LlavaNextImageProcessorPil(**size, image_grid_pinpoints=pinpoints), **common
    )


def model(family: str = "llava", seed: int = 0) -> torch.nn.Module:
    """A CLIP vision tower and a Llama of two layers each, random, in eval mode."""
    set_seed(seed)
    made = processor(family)
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=SIDE,
        patch_size=PATCH, initializer_factor=8.0,
    )  # fmt: skip
    text = LlamaConfig(**{**SHAPE, "vocab_size": len(made.tokenizer)})
    values = {
        "vision_config": vision,
        "text_config": text,
        "image_token_index": made.tokenizer.convert_tokens_to_ids("<image>"),
        "initializer_range": 0.2,
    }
    if family == "llava":
        return LlavaForConditionalGeneration(LlavaConfig(**values)).eval()
    pinpoints = made.image_processor.image_grid_pinpoints
    return LlavaNextForConditionalGeneration(LlavaNextConfig(**values, image_grid_pinpoints=pinpoints)).eval()


def vision_base(folder: Path, family: str = "llava", template: str | None = LLAVA) -> Path:
    """A tiny model with random weights and its processor, as a base folder."""
    model(family).save_pretrained(folder)
    processor(family, template).save_pretrained(folder)
    return folder


def picture(colour: str, seed: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> bytes:
    """A noisy plain image of this colour, as PNG."""
    draw = np.random.default_rng(seed)
    values = np.array(COLOURS[colour]) + draw.integers(-20, 20, (size[1], size[0], 3))
    sink = io.BytesIO()
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(sink, "PNG")
    return sink.getvalue()


def vision_rows(count: int, seed: int) -> list[dict[str, Any]]:
    """The same few questions about different images; the image alone knows the answer."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        colour = str(draw.choice(list(COLOURS)))
        answer = colour if draw.random() < 0.95 else str(draw.choice(list(COLOURS)))
        prompt = str(draw.choice(["What colour is it?", "Which colour?", "Name the colour you see."]))
        rows.append(
            {
                "id": f"{seed}-{number:04d}",
                "images": [picture(colour, 1000 * seed + number)],
                "prompt": prompt,
                "completion": [answer],
            }
        )
    return rows


def vision_prepared(folder: Path, train: int = 192, other: int = 40) -> Prepared:
    """All splits, as `prepare` writes them."""
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("images", pa.list_(pa.binary())),
            ("prompt", pa.string()),
            ("completion", pa.list_(pa.string())),
        ]
    )
    tables = {
        name: pa.Table.from_pylist(vision_rows(train if name == "train" else other, seed), schema=schema)
        for seed, name in enumerate(sorted(ROLES))
    }
    return write_prepared(folder, "vision_language", tables)
