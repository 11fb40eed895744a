"""Teachers of rows whose labels are described by further columns, from `check` to `verify-package`."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from sklearn.metrics import accuracy_score, f1_score, log_loss

from tests.toys.text import LABELS, toy_base, toy_rows

ROOT = Path(__file__).parents[2]
STAGES = ("check", "prepare", "base", "check_rows", "finetune", "evaluate", "calibrate", "probe", "package")
ROWS = {"train": 60, "validation": 20, "calibration": 24, "test": 24}
PARAMS = """
task: {kind: text_classification, max_length: 16, label_columns: COLUMNS, label_names: [cold, hot, wet]}
prepare: {seed: 1, data: data, sources: SOURCES, min_rows_per_class: {train: 1, test: 0}}
base: {source: {kind: path, folder: base}, license: mit}
finetune: {epochs: 2, batch_size: 8, learning_rate: 5.0e-3, linear_probe_first: true}
evaluate: {resamples: 100, latency_examples: 10}
calibrate: {resamples: 100}
probe: {students: [{kind: bag_of_ngrams, hidden: 4, features: 16, epochs: 2}], seeds: 2}
package:
  {name: toy, description: A toy., intended_use: Tests., data_license: cc0-1.0, gates: GATES}
"""
Describe = Callable[[int, str], dict[str, Any]]


def built(place: Path, columns: list[str], gates: list[dict[str, Any]], describe: Describe) -> Path:
    """A teacher of toy rows in `place`, each described by `describe(number, label)`, built by every stage."""
    toy_base(place / "base")
    (place / "data").mkdir()
    sources = [{"kind": "jsonl", "path": f"data/{split}.jsonl", "split": split} for split in ROWS]
    for seed, (split, count) in enumerate(ROWS.items()):
        rows = zip(*toy_rows(count, seed), strict=True)
        lines = [{"text": text, **describe(at, LABELS[label])} for at, (text, label) in enumerate(rows)]
        (place / f"data/{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = PARAMS.replace("SOURCES", json.dumps(sources)).replace("COLUMNS", json.dumps(columns))
    (place / "params.yaml").write_text(text.replace("GATES", json.dumps(gates)))
    declared = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for stage in STAGES:
        run(place, *shlex.split(declared[stage]["cmd"])[1:])
    return place


def run(place: Path, *command: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in {"DVC_STAGE", "DVC_ROOT"}}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=place,
        env={**kept, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def metrics(place: Path, stage: str) -> dict[str, Any]:
    return dict(json.loads((place / f"reports/{stage}/metrics.json").read_text()))


@pytest.mark.slow
def test_a_teacher_of_weighted_rows(tmp_path: Path) -> None:
    gates = [{"metric": "evaluate.test.weighted.accuracy", "at_least": 0.0}]
    built(tmp_path, ["weight"], gates, lambda at, label: {"label": label, "weight": at % 3})
    found = metrics(tmp_path, "evaluate")
    table = pq.read_table(tmp_path / "artifacts/evaluate/predictions/test.parquet").to_pydict()
    labels, weights = table["label"], table["weight"]
    logits = np.array(table["logits"], np.float64)
    probs = np.exp(logits - logits.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    predicted = logits.argmax(axis=1)
    weighted = found["test"]["weighted"]
    expected = {
        "accuracy": accuracy_score(labels, predicted, sample_weight=weights),
        "macro_f1": f1_score(labels, predicted, sample_weight=weights, average="macro"),
        "nll": log_loss(labels, probs, sample_weight=weights, labels=range(3)),
    }
    assert {name: weighted[name]["value"] for name in expected} == pytest.approx(expected, abs=1e-5)
    assert found["test"]["accuracy"]["value"] == pytest.approx(accuracy_score(labels, predicted), abs=1e-5)
    of_splits = {name: found[name] for name in (*ROWS, "gain", "robustness")}
    assert {name for name, numbers in of_splits.items() if "weighted" in numbers} == set(ROWS)
    assert "weighted" in found["base"]["test"]
    card = (tmp_path / "artifacts/teacher/README.md").read_text()
    assert "Each as much as it weighs (`weight`)" in card
    assert "### Label columns" in card
    targets = pq.read_table(next((tmp_path / "artifacts/teacher/distill").rglob("train*.parquet")))
    given = pq.read_table(tmp_path / "artifacts/prepare/train.parquet")
    assert dict(zip(targets["id"].to_pylist(), targets["weight"].to_pylist(), strict=True)) == dict(
        zip(given["id"].to_pylist(), given["weight"].to_pylist(), strict=True)
    )
    run(tmp_path, "-m", "teacherspec", "verify-package", "artifacts/teacher")
    (tmp_path / "new.jsonl").write_text('{"text": "snow and ice"}\n')
    assert run(tmp_path, "-m", "teacherspec", "predict", "artifacts/teacher", "new.jsonl")


@pytest.mark.slow
def test_a_teacher_of_votes(tmp_path: Path) -> None:
    gates = [{"metric": "evaluate.test.label_distribution.kl", "at_most": 9.0}]

    def votes(at: int, label: str) -> dict[str, Any]:
        other = LABELS[(LABELS.index(label) + 1) % len(LABELS)]
        return {"label_votes": [label, label, label, other][: 3 + at % 2]}

    built(tmp_path, ["label_votes"], gates, votes)
    found = metrics(tmp_path, "evaluate")["test"]["label_distribution"]
    table = pq.read_table(tmp_path / "artifacts/evaluate/predictions/test.parquet").to_pydict()
    logits, shares = torch.tensor(table["logits"]).double(), torch.tensor(table["label_probs"]).double()
    crossed = torch.nn.functional.cross_entropy(logits, shares).item()
    divergence = torch.nn.functional.kl_div(logits.log_softmax(1), shares, reduction="batchmean").item()
    assert found["cross_entropy"]["value"] == pytest.approx(crossed, abs=1e-5)
    assert found["kl"]["value"] == pytest.approx(divergence, abs=1e-5)
    assert found["disagreement"] == pytest.approx((1 - shares.max(1).values).mean().item(), abs=1e-5)
    assert 0.05 < found["disagreement"] < 0.2
    assert table["label"] == shares.argmax(1).tolist()
    teacher = tmp_path / "artifacts/teacher"
    assert "one annotator drawn at random" in (teacher / "README.md").read_text()
    targets = pq.read_table(next((teacher / "distill").rglob("train*.parquet")))
    given = pq.read_table(tmp_path / "artifacts/prepare/train.parquet")
    assert dict(zip(targets["id"].to_pylist(), targets["label_votes"].to_pylist(), strict=True)) == dict(
        zip(given["id"].to_pylist(), given["label_votes"].to_pylist(), strict=True)
    )
    run(tmp_path, "-m", "teacherspec", "verify-package", "artifacts/teacher")
