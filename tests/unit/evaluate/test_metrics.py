"""Quality of one split against independent oracles."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, matthews_corrcoef, recall_score

from teacherspec.evaluate.classification.metrics import class_rows, confusion_rows, quality
from teacherspec.predictions.classification import Predictions

NAMES = ("cold", "hot", "wet")


def drawn(rows: int, seed: int, sharpness: float = 1.0) -> Predictions:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, rows).astype(np.int32)
    logits = draw.normal(size=(rows, 3)) + sharpness * np.eye(3)[labels]
    return Predictions([f"r{i}" for i in range(rows)], labels, logits.astype(np.float32))


def measured(predictions: Predictions) -> dict[str, object]:
    return quality(predictions, confidence=0.95, resamples=200, seed=0)


def test_agrees_with_scikit_learn() -> None:
    predictions = drawn(200, seed=0)
    found = measured(predictions)
    guesses = predictions.logits.argmax(1)
    exp = np.exp(predictions.logits.astype(np.float64))
    probs = exp / exp.sum(1, keepdims=True)
    assert found["rows"] == 200
    assert found["accuracy"]["value"] == (guesses == predictions.labels).mean()
    assert found["macro_f1"]["value"] == pytest.approx(f1_score(predictions.labels, guesses, average="macro"))
    assert found["nll"]["value"] == pytest.approx(log_loss(predictions.labels, probs))
    assert found["balanced_accuracy"] == pytest.approx(
        recall_score(predictions.labels, guesses, average="macro")
    )
    assert found["matthews"] == pytest.approx(matthews_corrcoef(predictions.labels, guesses))
    for name in ("accuracy", "macro_f1", "nll", "brier"):
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]


def test_one_predicted_class_has_no_matthews() -> None:
    predictions = drawn(50, seed=0)
    logits = np.tile(np.float32([0, 3, 0]), (50, 1))
    found = measured(Predictions(predictions.ids, predictions.labels, logits))
    assert "matthews" not in found
    assert found["accuracy"]["value"] == (predictions.labels == 1).mean()


def test_tables_of_classes_and_confusions() -> None:
    predictions = Predictions(
        ["a", "b", "c"], np.int32([0, 0, 1]), np.float32([[2, 0, 0], [0, 2, 0], [0, 2, 0]])
    )
    cold, hot, wet = class_rows(predictions, NAMES, 0.95)
    assert cold[:3] == ["cold", 2, 0.5]
    assert hot[:3] == ["hot", 1, 1.0]
    assert hot[5] == 0.5, "precision"
    assert wet == ["wet", 0, "", "", "", "", "", "", ""]
    assert confusion_rows(predictions, NAMES) == [("cold", "cold"), ("cold", "hot"), ("hot", "hot")]
