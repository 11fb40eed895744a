"""Students that look at images: a small ResNet and a small ViT from scratch, on pixels that are read once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from teacherspec.probe.encoders.inputs import Inputs
from teacherspec.probe.encoders.separate_arms import SeparateArms
from teacherspec.spec.probe.students import ReadsPixels, ResnetEncoder, VitEncoder
from teacherspec.tasks.shared.image_decoding import decode

MIDDLE, SPREAD = 127.5, 63.75
"""Pixel values become (value − middle) / spread."""

CHANNELS = 3
FEED_FORWARD = 4
"""Width of the feed-forward layers over that of the model, as in ViT."""


@dataclass(frozen=True)
class PixelRows:
    """Images of one size.

    Attributes:
        pixels: `[N, 3, S, S]` uint8.
    """

    pixels: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, rows: npt.NDArray[np.intp]) -> torch.Tensor:
        """Pixel values `[B, 3, S, S]` float32 of some rows."""
        return (torch.from_numpy(self.pixels[rows]).float() - MIDDLE) / SPREAD


def encode(
    student: ReadsPixels, train: Sequence[bytes], sets: Mapping[str, Sequence[bytes]]
) -> dict[str, Inputs]:
    """Every image, resized to a square of the student's side; those of the train rows are under `train`."""
    return {name: _rows(images, student.side) for name, images in {"train": train, **sets}.items()}


def _rows(images: Sequence[bytes], side: int) -> PixelRows:
    pixels = np.empty((len(images), CHANNELS, side, side), np.uint8)
    for place, image in enumerate(images):
        resized = decode(image).convert("RGB").resize((side, side))
        pixels[place] = np.asarray(resized).transpose(2, 0, 1)
    return PixelRows(pixels)


def build_resnet(student: ResnetEncoder, _: Inputs, classes: int, arms: int, seed: int) -> torch.nn.Module:
    """ResNets of all arms with the weights of a seed."""
    from transformers import ResNetConfig, ResNetForImageClassification

    config = ResNetConfig(
        embedding_size=student.width,
        hidden_sizes=[student.width << stage for stage in range(student.stages)],
        depths=[1] * student.stages,
        layer_type="basic",
        num_labels=classes,
    )
    return _arms(ResNetForImageClassification, config, arms, seed)


def build_vit(student: VitEncoder, _: Inputs, classes: int, arms: int, seed: int) -> torch.nn.Module:
    """ViTs of all arms with the weights of a seed."""
    from transformers import ViTConfig, ViTForImageClassification

    config = ViTConfig(
        image_size=student.side,
        patch_size=student.patch,
        hidden_size=student.width,
        num_hidden_layers=student.layers,
        num_attention_heads=student.heads,
        intermediate_size=FEED_FORWARD * student.width,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=classes,
    )
    return _arms(ViTForImageClassification, config, arms, seed)


def _arms(model: Any, config: Any, arms: int, seed: int) -> SeparateArms:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SeparateArms(model(config), arms, _logits)


def _logits(model: Any, batch: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = model(pixel_values=batch).logits
    return logits
