"""The students of all arms that embed images and texts in one space."""

import math
from typing import Any

import torch
from torch.nn import functional

from teacherspec.probe.encoders.inputs import Inputs
from teacherspec.probe.encoders.kinds import ENCODERS
from teacherspec.spec.probe.students import DualEncoder

FIRST_SCALE = math.log(1 / 0.07)
"""Logarithm of the factor of the cosines at the start, as in CLIP."""

LARGEST_SCALE = math.log(100)
"""Its upper bound, as in CLIP."""


class DualEncoderArms(torch.nn.Module):
    """An image encoder and a text encoder of every arm, and the factors of their cosines."""

    def __init__(self, images: torch.nn.Module, texts: torch.nn.Module, first_scales: torch.Tensor) -> None:
        """Join the encoders.

        Args:
            images: from a batch to `[A, B, D]`.
            texts: the same.
            first_scales: `[A]` logarithms.
        """
        super().__init__()
        self.first_scales: torch.Tensor
        self.images, self.texts = images, texts
        self.register_buffer("first_scales", first_scales)
        # What is learned is the change, so that weight decay leaves a factor alone that nothing moves.
        self.change = torch.nn.Parameter(torch.zeros(len(first_scales)))

    def embed_images(self, batch: Any) -> torch.Tensor:
        """`[A, B, D]` of length 1."""
        return functional.normalize(self.images(batch), dim=2)

    def embed_texts(self, batch: Any) -> torch.Tensor:
        """`[A, B, D]` of length 1."""
        return functional.normalize(self.texts(batch), dim=2)

    def scales(self) -> torch.Tensor:
        """Factors of the cosines `[A]`."""
        return (self.first_scales + self.change).clamp(max=LARGEST_SCALE).exp()


def build(
    student: DualEncoder, images: Inputs, texts: Inputs, first_scales: torch.Tensor, seed: int
) -> DualEncoderArms:
    """The students of all arms with the weights of a seed.

    Args:
        student: as declared.
        images: of the train rows.
        texts: of the train rows.
        first_scales: `[A]` logarithms of the factors of the cosines.
        seed: of the weights.
    """
    arms = len(first_scales)
    return DualEncoderArms(
        ENCODERS[student.image.kind].build(student.image, images, student.width, arms, seed),
        ENCODERS[student.text.kind].build(student.text, texts, student.width, arms, seed),
        first_scales,
    )
