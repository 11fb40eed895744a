"""A toy task of texts whose labels are noisy, with a teacher that knows more than they say, or nothing."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from teacherspec.predictions.classification import Predictions, SliceRows, save_predictions, save_slices
from teacherspec.predictions.index import PredictionIndex
from teacherspec.predictions.index import save_index as save_prediction_index
from teacherspec.probe.sources import Sources
from teacherspec.runtime.atomic_io import sha256_file, write_json, write_parquet
from teacherspec.splits import Prepared, Split, save_index

CLASSES, VOCABULARY = 3, 30
ROLES = {
    "train": "train", "validation": "validation", "calibration": "calibration", "test": "test",
    "shifted": "shifted",
}  # fmt: skip
ROWS = {"train": 240, "validation": 100, "calibration": 100, "test": 300, "shifted": 120}


def toy_teacher(folder: Path, *, knows: float = 3.0, noise: float = 0.4, temperature: float = 2.0) -> Sources:
    """Prepared rows, predictions and a calibrator.

    Args:
        folder: to write to, `artifacts/…` and `fit.json`.
        knows: how far the teacher's logits favour the true class; 0 for a teacher that knows nothing.
        noise: share of train labels that are drawn at random.
        temperature: of the calibrator.
    """
    draw = np.random.default_rng(7)
    favours = draw.integers(CLASSES, size=VOCABULARY)
    prepared, evaluated = folder / "artifacts/prepare", folder / "artifacts/evaluate"
    splits = {}
    for name, role in ROLES.items():
        words = draw.integers(VOCABULARY, size=(ROWS[name], 5))
        votes = np.stack([(favours[words] == label).sum(1) for label in range(CLASSES)], 1)
        truth = (votes + draw.random(votes.shape) * 0.1).argmax(1)
        random = draw.integers(CLASSES, size=len(truth))
        labels = np.where(draw.random(len(truth)) < noise, random, truth) if name == "train" else truth
        ids = [f"{name}-{place}" for place in range(len(truth))]
        texts = [" ".join(f"word{word}" for word in row) for row in words]
        path = prepared / f"{name}.parquet"
        columns = {"id": ids, "text": texts, "label": pa.array(labels, pa.int32())}
        write_parquet(path, pa.table(columns))
        splits[name] = Split(name, role, len(ids), sha256_file(path), path)
        logits = knows * np.eye(CLASSES)[truth] + draw.normal(size=(len(truth), CLASSES))
        predictions = Predictions(ids, labels.astype(np.int32), logits.astype(np.float32))
        save_predictions(evaluated / "predictions" / f"{name}.parquet", predictions)
    names = tuple(f"class{label}" for label in range(CLASSES))
    found = Prepared("text_classification", names, splits)
    save_index(prepared, found)
    save_prediction_index(evaluated, PredictionIndex(names, ROLES, ROWS))
    save_slices(evaluated, [SliceRows("the first", "declared", np.arange(50))])
    calibrator = {"kind": "temperature", "temperature": temperature}
    write_json(folder / "artifacts/calibrate/calibration.json", {"calibrator": calibrator})
    write_json(folder / "fit.json", {"parameters": {"total": 10_000}})
    return Sources(found, ["text"], folder / "artifacts")
