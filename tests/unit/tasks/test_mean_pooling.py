"""The appended layer is the mean of the tokens, in a model that anyone loads plainly."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from teacherspec.errors import BaseModelError
from teacherspec.tasks.shared.hf_loading import mean_pool
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.shared.mean_pooling import append_mean_pooling
from teacherspec.tasks.text_classification.task import TextClassification
from tests.toys.text import toy_base

SMALL = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "initializer_range": 0.2,
    "pad_token_id": 0,
}
INPUTS = {
    "input_ids": torch.tensor([[5, 6, 7, 8, 9], [10, 11, 12, 0, 0]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
}


def states(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model.eval().base_model(**INPUTS).last_hidden_state


@pytest.mark.parametrize(
    ("architecture", "config"),
    [(BertForSequenceClassification, BertConfig), (RobertaForSequenceClassification, RobertaConfig)],
)
def test_the_first_token_becomes_the_mean(architecture: Any, config: Any) -> None:
    torch.manual_seed(0)
    model = architecture(config(**SMALL))
    mean = mean_pool(states(model), INPUTS["attention_mask"])
    first = states(model)[:, 0]
    append_mean_pooling(model)
    pooled = states(model)[:, 0]
    expected = torch.nn.functional.layer_norm(mean, (32,))
    assert torch.cosine_similarity(pooled, expected).min() > 0.99
    assert torch.cosine_similarity(first, expected).max() < 0.97, "it was not the mean before"


def test_padding_does_not_enter_the_mean() -> None:
    model = BertForSequenceClassification(BertConfig(**SMALL))
    append_mean_pooling(model)
    padded = states(model)[1, 0]
    with torch.no_grad():
        alone = model.base_model(input_ids=INPUTS["input_ids"][1:, :3]).last_hidden_state[0, 0]
    torch.testing.assert_close(padded, alone, rtol=1e-5, atol=1e-5)


def test_the_whole_layer_can_learn() -> None:
    model = BertForSequenceClassification(BertConfig(**SMALL, hidden_dropout_prob=0.0))
    append_mean_pooling(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):  # what is 0 on both sides of a product would stay 0 for ever
        optimizer.zero_grad()
        model.train()(**INPUTS).logits.pow(2).sum().backward()
        optimizer.step()
    layer = model.bert.encoder.layer[-1]
    still = [
        name
        for name, parameter in layer.named_parameters()
        if parameter.grad is None or (not parameter.grad.any() and not name.endswith("key.bias"))
    ]
    assert still == []


def test_a_saved_model_loads_plainly(tmp_path: Path) -> None:
    task = TextClassification(kind="text_classification", max_length=16)
    model, _ = task.load_base(toy_base(tmp_path / "base"), ("a", "b"), ModelInit(pooling="mean"))
    model.save_pretrained(tmp_path / "saved")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    assert again.config.num_hidden_layers == 3
    inputs = {"input_ids": torch.tensor([[2, 5, 9, 3]])}
    with torch.no_grad():
        torch.testing.assert_close(again(**inputs).logits, model(**inputs).logits)


def test_an_architecture_without_such_layers_is_refused() -> None:
    model = DistilBertForSequenceClassification(
        DistilBertConfig(vocab_size=40, dim=32, n_layers=1, n_heads=2, hidden_dim=64)
    )
    with pytest.raises(BaseModelError, match=r"base.pooling: mean is known for .* use pooling: first"):
        append_mean_pooling(model)
