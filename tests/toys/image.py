"""Tiny real vision models and images, for whole pipelines in seconds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from transformers import (
    AutoModel,
    BeitConfig,
    CLIPConfig,
    ConvNextConfig,
    DeiTConfig,
    Dinov2Config,
    EfficientNetConfig,
    HGNetV2Config,
    MobileNetV2Config,
    PoolFormerConfig,
    PreTrainedConfig,
    ResNetConfig,
    SiglipConfig,
    ViTConfig,
    set_seed,
)

from teacherspec.runtime.atomic_io import sha256_file, write_json, write_parquet
from teacherspec.splits import UNLABELLED, Prepared, Role, Split, save_index
from tests.toys.pictures import encoded

LABELS = ("blue", "green", "red")
SIDE = 32

_TRANSFORMER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": SIDE,
    "patch_size": 8,
}
_TOWER = {name: value for name, value in _TRANSFORMER.items() if name not in ("image_size", "patch_size")}
_TOWERS = {
    "text_config": {**_TOWER, "vocab_size": 500, "max_position_embeddings": 16},
    "vision_config": _TRANSFORMER,
}
FAMILIES: dict[str, Callable[[], PreTrainedConfig]] = {
    "vit": lambda: ViTConfig(**_TRANSFORMER),
    "deit": lambda: DeiTConfig(**_TRANSFORMER, architectures=["DeiTForImageClassification"]),
    "resnet": lambda: ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"),
    "convnext": lambda: ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], patch_size=2),
    "efficientnet": lambda: EfficientNetConfig(
        width_coefficient=0.1, depth_coefficient=0.1, image_size=SIDE, hidden_dim=128
    ),
    "mobilenet": lambda: MobileNetV2Config(depth_multiplier=0.1, image_size=SIDE, finegrained_output=False),
    # Architectures without a module of the name `base_model_prefix`: everything but the head is the backbone.
    "clip": lambda: CLIPConfig(**_TOWERS, projection_dim=32),
    "siglip": lambda: SiglipConfig(**_TOWERS),
    "hgnet": lambda: HGNetV2Config(
        stem_channels=[3, 8, 8],
        stage_in_channels=[8, 8, 8, 16],
        stage_mid_channels=[8, 8, 8, 8],
        stage_out_channels=[8, 8, 16, 16],
        stage_num_blocks=[1, 1, 1, 1],
        stage_numb_of_layers=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
    ),
    # A normalisation between backbone and head.
    "poolformer": lambda: PoolFormerConfig(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1]),
    # Positions of a larger grid than the processor's images have, as published: it interpolates them.
    "dinov2": lambda: Dinov2Config(**{**_TRANSFORMER, "image_size": 2 * SIDE}),
    # Reads grey values.
    "grey": lambda: ViTConfig(**_TRANSFORMER, num_channels=1),
    # Its config keeps the vocabulary of the pre-training, which no tensor has.
    "beit": lambda: BeitConfig(**_TRANSFORMER, vocab_size=8192),
}
"""Small models of every family that the documents name."""


def processor_settings(name: str = "ViTImageProcessor", channels: int = 3) -> dict[str, Any]:
    """`preprocessor_config.json` of a square input."""
    return {
        "image_processor_type": name,
        "do_resize": True,
        "size": {"height": SIDE, "width": SIDE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5] * channels,
        "image_std": [0.5] * channels,
    }


def toy_image_base(folder: Path, family: str = "vit", weights: bool = True) -> Path:
    """A base folder of this family with random weights, or without any."""
    set_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    config = FAMILIES[family]()
    if weights:
        AutoModel.from_config(config).save_pretrained(folder)
    else:
        config.save_pretrained(folder)
    channels = config.to_dict().get("num_channels", 3)
    write_json(folder / "preprocessor_config.json", processor_settings(channels=channels))
    return folder


def toy_image(label: int, draw: np.random.Generator) -> bytes:
    """A noisy picture of 40×36 pixels in which one colour is a little brighter."""
    pixels = draw.integers(0, 120, (36, 40, 3))
    pixels[..., 2 - label] += 90
    return encoded(Image.fromarray(pixels.astype(np.uint8)))


def toy_image_split(folder: Path, name: str, role: Role, count: int, seed: int) -> Split:
    """One split as `prepare` writes it; a tenth of the labels is wrong."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, count)
    images = [toy_image(int(label), draw) for label in labels]
    given = np.where(draw.random(count) < 0.1, draw.integers(0, 3, count), labels)
    stored = np.full(count, -1) if role in UNLABELLED else given
    path = folder / f"{name}.parquet"
    table = pa.table(
        {
            "id": [f"{name}-{i:04d}" for i in range(count)],
            "image": pa.array(images, pa.binary()),
            "label": pa.array(stored, pa.int32()),
        }
    )
    write_parquet(path, table)
    return Split(name, role, count, sha256_file(path), path)


def toy_image_prepared(
    folder: Path, train: int = 96, other: int = 32, task: str = "image_classification"
) -> Prepared:
    """All splits of a toy task of images."""
    folder.mkdir(parents=True, exist_ok=True)
    roles: dict[str, Role] = {
        "train": "train",
        "validation": "validation",
        "calibration": "calibration",
        "test": "test",
        "shifted": "shifted",
        "out_of_scope": "ood",
    }
    splits = {
        name: toy_image_split(folder, name, role, train if name == "train" else other, seed)
        for seed, (name, role) in enumerate(sorted(roles.items()))
    }
    splits["transfer"] = toy_image_split(folder, "transfer", "transfer", other, len(roles))
    prepared = Prepared(task, LABELS, splits)
    save_index(folder, prepared)
    return prepared
