"""Agreement with distributions of labels, against torch, and against what disagreement leaves possible."""

from typing import Any

import numpy as np
import pytest
import torch

from teacherspec.evaluate.classification.label_details import distribution_quality
from teacherspec.evaluate.classification.metrics import quality
from teacherspec.predictions.classification import Predictions

INTERVALS = {"confidence": 0.95, "resamples": 50, "seed": 0}
DRAW = np.random.default_rng(0)
SHARES = DRAW.dirichlet([0.6, 0.8, 1.0], 60)
LOGITS = DRAW.normal(size=(60, 3)).astype(np.float32)


def found(logits: Any, shares: Any = SHARES) -> dict[str, Any]:
    labels = shares.argmax(axis=1).astype(np.int32)
    ids = [str(at) for at in range(len(labels))]
    rows = Predictions(ids, labels, np.asarray(logits, np.float32), label_probs=shares)
    return quality(rows, **INTERVALS)


def test_entropies_and_distances_are_torchs() -> None:
    logits, shares = torch.from_numpy(LOGITS).double(), torch.from_numpy(SHARES)
    measured = found(LOGITS)["label_distribution"]
    crossed = torch.nn.functional.cross_entropy(logits, shares).item()
    divergence = torch.nn.functional.kl_div(logits.log_softmax(1), shares, reduction="batchmean").item()
    distance = (logits.softmax(1) - shares).square().sum(1).mean().item()
    agreed = shares.gather(1, logits.argmax(1, keepdim=True)).mean().item()
    values = [measured[name]["value"] for name in ("cross_entropy", "kl", "brier", "accuracy")]
    assert values == pytest.approx([crossed, divergence, distance, agreed])
    assert measured["entropy"] == pytest.approx(torch.special.entr(shares).sum(1).mean().item())
    assert all(measured["kl"][end] > 0 for end in ("low", "high"))


def test_disagreement_is_the_floor_of_a_teacher_that_predicts_the_shares() -> None:
    measured = found(np.log(SHARES))
    against = measured["label_distribution"]
    assert against["disagreement"] == pytest.approx(1 - SHARES.max(axis=1).mean())
    assert against["accuracy"]["value"] == pytest.approx(1 - against["disagreement"], abs=1e-6)
    assert measured["ece"] == pytest.approx(against["disagreement"], abs=1e-6)
    assert measured["accuracy"]["value"] == 1
    assert [against["kl"]["value"], against["ece"]] == pytest.approx([0, 0], abs=1e-5)
    worse = found(LOGITS)["label_distribution"]
    assert worse["accuracy"]["value"] < 1 - worse["disagreement"]
    assert worse["ece"] > 0.05


def test_a_certain_distribution_is_a_label() -> None:
    certain = np.eye(3)[SHARES.argmax(axis=1)]
    measured = found(LOGITS, certain)
    against = measured["label_distribution"]
    for name, plain in {
        "cross_entropy": "nll",
        "kl": "nll",
        "brier": "brier",
        "accuracy": "accuracy",
    }.items():
        assert against[name]["value"] == pytest.approx(measured[plain]["value"])
    assert against["ece"] == pytest.approx(measured["ece"])
    assert against["disagreement"] == 0


def test_a_class_that_is_predicted_with_nothing_costs_much_and_stays_finite() -> None:
    predicted, shares = np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.5, 0.5], [1.0, 0.0]])
    measured = distribution_quality(predicted, shares, **INTERVALS)
    assert 100 < measured["cross_entropy"]["value"] < 1000


def test_rows_with_labels_alone_are_measured_as_before() -> None:
    labels = SHARES.argmax(axis=1).astype(np.int32)
    plain = quality(Predictions([str(at) for at in range(60)], labels, LOGITS), **INTERVALS)
    assert {"weighted", "label_distribution"}.isdisjoint(plain)
