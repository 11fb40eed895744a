"""Stub stages of a second each: real rows, predictions, calibration, reports and checksums, but no model.

Predictions are drawn from hashes of the texts; `finetune.skill` is the share of right ones. Run as
`python stages/stub.py STAGE` from the root of a repository that declares it in dvc.yaml.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image
from ruamel.yaml import YAML

from teacherspec.evaluate.classification.metrics import quality
from teacherspec.metrics.calibration import expected_calibration_error, top_label_confidence
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.metrics.scores.softmax import softmax
from teacherspec.package.verification.checksums import write_sums
from teacherspec.predictions.classification import Predictions, load_predictions, save_predictions
from teacherspec.predictions.index import PredictionIndex
from teacherspec.predictions.index import save_index as save_prediction_index
from teacherspec.runtime.atomic_io import new_folder, round_floats, sha256_file, write_json, write_parquet
from teacherspec.splits import Prepared, Split, load_prepared, save_index

LABELS = ("cold", "hot", "wet")
SPLITS = ("train", "validation", "calibration", "test")


def draw(*parts: object) -> float:
    """A number from 0 to 1 that depends on nothing but its arguments."""
    return int(hashlib.sha256(repr(parts).encode()).hexdigest()[:8], 16) / 0xFFFFFFFF


def check(params: dict) -> None:
    with new_folder(Path("artifacts/check")) as folder:
        (folder / "valid.txt").write_text("valid\n")


def prepare(params: dict) -> None:
    rows = [json.loads(line) for line in Path("data/toy/rows.jsonl").read_text().splitlines()]
    with new_folder(Path("artifacts/prepare")) as folder:
        splits = {}
        for name in SPLITS:
            own = [row for row in rows if SPLITS[int(4 * draw("split", row["id"])) % 4] == name]
            labels = pa.array([LABELS.index(row["label"]) for row in own], pa.int32())
            path = folder / f"{name}.parquet"
            table = {"id": [row["id"] for row in own], "text": [row["text"] for row in own], "label": labels}
            write_parquet(path, pa.table(table))
            splits[name] = Split(name, name, len(own), sha256_file(path), path)
        save_index(folder, Prepared("text_classification", LABELS, splits))
    write_json(Path("reports/prepare/metrics.json"), {"rows": len(rows)})


def finetune(params: dict) -> None:
    with new_folder(Path("artifacts/finetune")) as folder:
        write_json(folder / "model.json", params["finetune"])


def evaluate(params: dict) -> None:
    import pyarrow.parquet as pq

    skill = json.loads(Path("artifacts/finetune/model.json").read_text())["skill"]
    prepared = load_prepared(Path("artifacts/prepare"))
    metrics = {}
    with new_folder(Path("artifacts/evaluate")) as folder:
        for split in prepared.splits.values():
            rows = pq.read_table(split.path).to_pylist()
            logits = np.array([[draw(row["text"], c) for c in range(3)] for row in rows], np.float32)
            for place, row in enumerate(rows):
                right = draw(row["text"]) < skill
                logits[place, row["label"] if right else (row["label"] + 1) % 3] += 1.5
            labels = np.array([row["label"] for row in rows], np.int32)
            predictions = Predictions([row["id"] for row in rows], labels, logits)
            save_predictions(folder / "predictions" / f"{split.name}.parquet", predictions)
            metrics[split.name] = quality(predictions, confidence=0.95, resamples=50, seed=0)
        roles = {name: split.role for name, split in prepared.splits.items()}
        counts = {name: split.rows for name, split in prepared.splits.items()}
        save_prediction_index(folder, PredictionIndex(LABELS, roles, counts))
    metrics["gain"] = {"test": {"accuracy": {"value": 0.1, "low": 0.05, "high": 0.15}}}  # a gate holds on it
    write_json(Path("reports/evaluate/metrics.json"), round_floats(metrics))
    with new_folder(Path("reports/evaluate/plots")) as folder:
        grey = round(255 * metrics["test"]["accuracy"]["value"])
        Image.new("L", (2, 2), grey).save(folder / "accuracy.png")
        (folder / "splits.tsv").write_text("split\trows\n")


def calibrate(params: dict) -> None:
    temperature = params["calibrate"]["temperature"]
    found = load_predictions(Path("artifacts/evaluate"), "test")
    with new_folder(Path("artifacts/calibrate")) as folder:
        calibrator = {"kind": "temperature", "temperature": temperature}
        write_json(folder / "calibration.json", {"calibrator": calibrator})
    report = {"calibration": {"temperature": temperature, "fitted": 1}}
    sides = {"before": found.logits, "after": found.logits / temperature}
    report["test"] = {
        "nll": {when: nll(logits, found.labels) for when, logits in sides.items()},
        "ece": {
            when: expected_calibration_error(*top_label_confidence(softmax(logits), found.labels))
            for when, logits in sides.items()
        },
    }
    write_json(Path("reports/calibrate/metrics.json"), round_floats(report))


def package(params: dict) -> None:
    with new_folder(Path("artifacts/teacher")) as folder:
        (folder / "weights.json").write_bytes(Path("artifacts/finetune/model.json").read_bytes())
        write_json(folder / "params.json", params)
        write_sums(folder)
    write_json(Path("reports/package/metrics.json"), {"gates": len(params["package"]["gates"])})


if __name__ == "__main__":
    declared = YAML(typ="safe", pure=True).load(Path("params.yaml").read_text())
    {stage.__name__: stage for stage in (check, prepare, finetune, evaluate, calibrate, package)}[
        sys.argv[1]
    ](declared)
