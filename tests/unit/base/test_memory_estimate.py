"""Measuring the memory of a forward pass leaves the model as it was, for the measurements that follow."""

import pytest
import torch
from transformers import (
    EfficientNetConfig,
    EfficientNetForImageClassification,
    PreTrainedModel,
    ResNetConfig,
    ResNetForImageClassification,
    set_seed,
)

from teacherspec.base.memory_estimate import activation_bytes

MODELS = {
    "resnet": lambda: ResNetForImageClassification(
        ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], num_labels=3)
    ),
    "efficientnet": lambda: EfficientNetForImageClassification(
        EfficientNetConfig(
            image_size=32, width_coefficient=0.25, depth_coefficient=0.1, hidden_dim=320, num_labels=3
        )
    ),
}


def forward(model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    logits: torch.Tensor = model(**batch).logits
    return logits


@pytest.mark.parametrize("family", MODELS)
def test_statistics_of_batch_norm_stay_those_of_the_base(family: str) -> None:
    set_seed(0)
    model = MODELS[family]().train(False)
    batch = {"pixel_values": 5 + torch.randn(4, 3, 32, 32)}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        logits = forward(model, batch)
    saved, _ = activation_bytes(forward, model, batch)
    assert saved > 0
    assert not model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    with torch.no_grad():
        assert torch.equal(forward(model, batch), logits)
        forward(model.train(True), batch)
    changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert any(name.endswith("running_mean") for name in changed), "training mode alone would change them"
