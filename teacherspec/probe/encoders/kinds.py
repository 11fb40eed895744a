"""The encoders that students consist of: how their inputs and their weights are made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from teacherspec.probe.encoders import bag_of_ngrams, images, text_cnn, text_transformer, word_ids
from teacherspec.probe.encoders.inputs import Inputs


@dataclass(frozen=True)
class EncoderKind:
    """How a kind of encoder is made.

    Attributes:
        encode: from declaration, train content and the content of other sets to the inputs of all.
        build: from declaration, train inputs, width of the output, arms and seed to one module for all arms:
            from a batch to outputs `[A, B, width]`. All arms have the same weights.
    """

    encode: Callable[[Any, Sequence[Any], Mapping[str, Sequence[Any]]], dict[str, Inputs]]
    build: Callable[[Any, Inputs, int, int, int], torch.nn.Module]


ENCODERS: Mapping[str, EncoderKind] = {
    "bag_of_ngrams": EncoderKind(bag_of_ngrams.encode, bag_of_ngrams.build),
    "text_cnn": EncoderKind(word_ids.encode, text_cnn.build),
    "text_transformer": EncoderKind(word_ids.encode, text_transformer.build),
    "image_resnet": EncoderKind(images.encode, images.build_resnet),
    "image_vit": EncoderKind(images.encode, images.build_vit),
}
"""Kind of student or encoder → how it is made."""
