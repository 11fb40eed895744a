from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import BertConfig, BertForSequenceClassification

from teacherspec.base.classification.linear_probe import probe
from teacherspec.base.memory_estimate import activation_bytes, memory_plan, require_memory
from teacherspec.base.probe_sampling import sample
from teacherspec.errors import BaseModelError
from teacherspec.tasks.shared.interfaces.base_fit import BaseSummary, MemoryProbe
from teacherspec.tasks.shared.text_report import count_unknown, length_report


def test_lengths_by_hand() -> None:
    ids = [[2, 5, 3], [2, 1, 1, 3], [2, 5, 5, 5, 5, 3], [2, 3]]
    report = length_report([len(tokens) for tokens in ids], 4, count_unknown(1, ids))
    assert report == {
        "examples": 4,
        "tokens": 15,
        "length": {"p50": 4, "p90": 6, "p99": 6, "p100": 6},
        "truncated_share": 1 / 4,
        "cut_token_share": 2 / 15,
        "unknown_token_share": 2 / 15,
    }
    assert count_unknown(None, [[1, 1, 1]]) == 0


def test_samples_are_stable_and_keep_the_order() -> None:
    rows = Dataset.from_dict({"id": list(range(100))})
    drawn = sample(rows, 10, 0)["id"]
    assert list(drawn) == sorted(set(drawn))
    assert len(drawn) == 10
    assert list(sample(rows, 10, 0)["id"]) == list(drawn) != list(sample(rows, 10, 1)["id"])
    assert sample(rows, 100, 0) is rows


def test_probes_know_separable_features_from_noise() -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(3, size=300)
    centres = 4 * draw.normal(size=(3, 16))
    features = (centres[labels] + draw.normal(size=(300, 16))).astype(np.float32)
    noise = draw.normal(size=(300, 16)).astype(np.float32)
    good = probe(features[:200], labels[:200], features[200:], labels[200:])["accuracy"]
    bad = probe(noise[:200], labels[:200], noise[200:], labels[200:])["accuracy"]
    for name in ("nearest_neighbours", "linear_probe"):
        assert good[name]["value"] > 0.95
        assert bad[name]["value"] < 0.5
        assert bad[name]["low"] < 1 / 3 < bad[name]["high"]
    commonest = np.bincount(labels[:200]).argmax()
    assert good["commonest_class"]["value"] == pytest.approx((labels[200:] == commonest).mean())


def logits_of(model: Any, batch: Any) -> torch.Tensor:
    return model(**batch).logits


def test_counts_what_autograd_keeps() -> None:
    """A linear layer keeps its input, GELU keeps its own: both [B, L, H], and no weight is counted."""

    class Body(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Linear(8, 16)

        def forward(self, x: torch.Tensor) -> object:
            class Output:
                logits = torch.nn.functional.gelu(self.inner(x))

            return Output()

    count, logits = activation_bytes(logits_of, Body(), {"x": torch.ones(3, 5, 8)})  # type: ignore[arg-type]
    assert logits.shape == (3, 5, 16)
    assert count == 3 * 5 * 8 * 4 + 3 * 5 * 16 * 4


def test_activations_grow_with_the_batch_and_leave_no_gradient() -> None:
    config = BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    model = BertForSequenceClassification(config)

    def count(rows: int) -> int:
        ids = torch.ones(rows, 8, dtype=torch.long)
        return activation_bytes(logits_of, model, {"input_ids": ids, "attention_mask": torch.ones_like(ids)})[
            0
        ]

    assert count(8) == pytest.approx(2 * count(4), rel=0.1)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.training


def test_memory_plan_by_hand() -> None:
    plan = memory_plan(parameters=1000, activations=6400, probe=MemoryProbe({}, 2 * 16, 64))
    assert plan["full_without_activations"] == 16_000
    assert (plan["weights"], plan["gradients"], plan["optimizer"]) == (4000, 4000, 8000)
    assert plan["activations_per_example"] == 200 * 64


def test_weights_beyond_main_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    seven_billion = BaseSummary("LlamaModel", 7_000_000_000, 4096, 32_000, 32_000, ())
    monkeypatch.setattr("teacherspec.base.memory_estimate.memory_bytes", lambda: 16 << 30)
    with pytest.raises(
        BaseModelError, match=r"7,000,000,000 parameters need 26\.1 GiB in float32, this machine has 16"
    ):
        require_memory(seven_billion, Path("base"))
    monkeypatch.setattr("teacherspec.base.memory_estimate.memory_bytes", lambda: 32 << 30)
    require_memory(seven_billion, Path("base"))
