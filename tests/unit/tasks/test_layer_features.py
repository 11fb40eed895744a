"""Features of several layers: the last is what a linear probe reads, the others are as wide."""

from pathlib import Path

import numpy as np
import pytest
import torch

from teacherspec.spec.base import Pooling
from teacherspec.tasks.image_classification.task import ImageClassification
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys import image
from tests.toys.text import LABELS, toy_base

SEVERAL = {"vit", "deit"}
"""Families whose layers have one width; of the others widths differ, or only the head's input is known."""


@pytest.mark.parametrize("family", sorted(image.FAMILIES))
def test_the_last_layer_is_what_the_features_are(family: str, tmp_path: Path) -> None:
    task = ImageClassification(kind="image_classification")
    model, processor = task.load_base(image.toy_image_base(tmp_path, family), ("a", "b"), ModelInit())
    rows = [{"image": image.toy_image(0, np.random.default_rng(seed))} for seed in range(2)]
    with torch.inference_mode():
        batch = task.batch(processor, rows)
        layers, features = task.layer_features(model, batch), task.features(model, batch)
    torch.testing.assert_close(layers[:, -1], features)
    assert layers.shape[1] >= (3 if family in SEVERAL else 1)


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_texts_are_pooled_over_real_tokens_in_every_layer(pooling: Pooling, tmp_path: Path) -> None:
    task = TextClassification(kind="text_classification", max_length=16)
    model, tokenizer = task.load_base(toy_base(tmp_path), LABELS, ModelInit(pooling=pooling))
    short, long = {"text": "snow is"}, {"text": "the sun is very hot outside here again now"}
    with torch.inference_mode():
        layers = task.layer_features(model, task.batch(tokenizer, [short, long]))
        alone = task.layer_features(model, task.batch(tokenizer, [short]))
        features = task.features(model, task.batch(tokenizer, [short, long]))
    assert layers.shape == (2, 3 + (pooling == "mean"), 32)
    torch.testing.assert_close(layers[:, -1], features)
    torch.testing.assert_close(layers[0], alone[0])
    assert not torch.allclose(layers[:, 0], layers[:, 1])
