"""Toy predictions with a planted temperature."""

from pathlib import Path

import numpy as np

from teacherspec.metrics.scores.softmax import softmax
from teacherspec.predictions.classification import NO_LABEL, Predictions, save_predictions
from teacherspec.predictions.index import PredictionIndex, save_index


def planted(
    rows: int, classes: int, temperature: float, seed: int, *, sharpness: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """Logits `[N, C]` that are exactly calibrated at the given temperature, and labels drawn from them."""
    generator = np.random.default_rng(seed)
    calibrated = generator.normal(size=(rows, classes)) * sharpness
    edges = softmax(calibrated).cumsum(axis=1)
    labels = (generator.random((rows, 1)) > edges).sum(axis=1).clip(max=classes - 1)
    return calibrated * temperature, labels


def toy_split(name: str, rows: int, classes: int = 4, temperature: float = 2.5, seed: int = 0) -> Predictions:
    logits, labels = planted(rows, classes, temperature, seed)
    return Predictions(
        ids=[f"{name}-{row:05d}" for row in range(rows)],
        labels=labels.astype(np.int32),
        logits=logits.astype(np.float32),
    )


def write_folder(folder: Path, splits: dict[str, tuple[str, Predictions]], classes: int = 4) -> Path:
    """A folder as `evaluate` leaves it, from name → (role, predictions)."""
    for name, (_, predictions) in splits.items():
        save_predictions(folder / "predictions" / f"{name}.parquet", predictions)
    index = PredictionIndex(
        label_names=tuple(f"class {k}" for k in range(classes)),
        roles={name: role for name, (role, _) in splits.items()},
        rows={name: len(predictions.ids) for name, (_, predictions) in splits.items()},
    )
    save_index(folder, index)
    return folder


def toy_folder(folder: Path, rows: int = 400) -> Path:
    outside = toy_split("outside", rows // 2, seed=4)
    flat = Predictions(
        outside.ids, np.full(len(outside.ids), NO_LABEL, np.int32), outside.logits * np.float32(0.3)
    )
    return write_folder(
        folder,
        {
            "validation": ("validation", toy_split("validation", rows // 2, seed=5)),
            "calibration": ("calibration", toy_split("calibration", rows, seed=1)),
            "test": ("test", toy_split("test", rows, seed=2)),
            "shifted": ("shifted", toy_split("shifted", rows // 2, temperature=4.0, seed=3)),
            "outside": ("ood", flat),
        },
    )
