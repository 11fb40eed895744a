"""A teacher that finds entities, from `check` to `predict`, on rows of both forms."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from seqeval.metrics import f1_score
from sklearn.metrics import log_loss

from teacherspec.package.verification.verify import verify
from teacherspec.predictions.tagging import load_tag_predictions
from teacherspec.serving import load_teacher
from tests.toys.entities import TYPES, entity_rows, in_bilou, write_entity_files
from tests.toys.text import toy_base

ROOT = Path(__file__).parents[2]
STAGES = ("check", "prepare", "base", "check_rows", "finetune", "evaluate", "calibrate", "probe", "package")
ROWS = {"train": 80, "validation": 24, "calibration": 30, "test": 30}
PARAMS = """
task: {kind: token_classification, entity_types: [PLACE, TIME], rows: FORM, scheme: SCHEME, max_length: 16}
prepare: {seed: 1, data: data, sources: SOURCES}
base: {source: {kind: path, folder: base}, license: mit}
finetune: {epochs: 12, batch_size: 8, learning_rate: 5.0e-3, selection_metric: f1}
evaluate: {resamples: 100, latency_examples: 10}
calibrate: {resamples: 100, method: {kind: temperature}}
probe: {}
package:
  name: toy
  description: A toy.
  intended_use: Tests.
  data_license: cc0-1.0
  golden_examples: 8
  gates: [{metric: evaluate.test.f1, at_least: 0.3}, {metric: calibrate.test.spans.ece.after, at_most: 0.6}]
"""


def run(place: Path, *command: str, given: str = "") -> str:
    kept = {name: value for name, value in os.environ.items() if name not in {"DVC_STAGE", "DVC_ROOT"}}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=place, env={**kept, "PYTHONPATH": str(ROOT)}, input=given, capture_output=True, text=True,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def built(place: Path, form: str, scheme: str = "bio") -> Path:
    """A teacher of toy rows in `place`, with a set of unlabelled rows and a shifted one."""
    toy_base(place / "base")
    sources = write_entity_files(place / "data", ROWS, form, scheme)
    for name, seed in (("transfer", 21), ("shifted", 22)):
        rows = entity_rows(24, seed, form)
        if scheme == "bilou":
            rows = [in_bilou(row) for row in rows]
        if name == "transfer":
            rows = [{key: row[key] for key in row if key not in ("spans", "tags")} for row in rows]
        (place / f"data/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        sources.append({"kind": "jsonl", "path": f"data/{name}.jsonl", "split": name, "role": name})
    text = PARAMS.replace("SOURCES", json.dumps(sources)).replace("FORM", form).replace("SCHEME", scheme)
    (place / "params.yaml").write_text(text)
    declared = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for stage in STAGES:
        run(place, *shlex.split(declared[stage]["cmd"])[1:])
    return place


def metrics(place: Path, stage: str) -> dict[str, Any]:
    return dict(json.loads((place / f"reports/{stage}/metrics.json").read_text()))


@pytest.mark.slow
def test_a_teacher_of_texts_with_spans(tmp_path: Path) -> None:
    place = built(tmp_path, "spans")
    found = metrics(place, "evaluate")
    names = json.loads((place / "artifacts/prepare/prepared.json").read_text())["label_names"]
    test = load_tag_predictions(place / "artifacts/evaluate", "test")
    ends = np.cumsum(test.words)[:-1]
    labels, predicted = (
        [[names[tag] for tag in row] for row in np.split(tags, ends)]
        for tags in (test.tags, test.predicted())
    )
    assert found["test"]["f1"]["value"] == pytest.approx(f1_score(labels, predicted), abs=1e-6)
    assert found["test"]["f1"]["value"] > 0.3
    probs = np.exp(test.logits - np.logaddexp.reduce(test.logits, axis=1, keepdims=True))
    loss = log_loss(test.labels, probs, labels=range(len(names)))
    assert found["test"]["nll"]["value"] == pytest.approx(loss, abs=1e-5)
    assert found["transfer"] == {"rows": 24}
    teacher = place / "artifacts/teacher"
    problems = {check.name: list(check.problems) for check in verify(teacher) if not check.skipped}
    assert not any(problems.values()), problems
    line = run(
        place, "-m", "teacherspec", "predict", "artifacts/teacher",
        given='{"id": "x", "text": "it is very here rain river"}\n',
    )  # fmt: skip
    answer = json.loads(line)
    assert answer["id"] == "x"
    for one in answer["entities"]:
        assert "it is very here rain river"[one["start"] : one["end"]] == one["text"]
        assert 0 < one["confidence"] <= 1
    spoil(teacher)


def spoil(teacher: Path) -> None:
    """Another tag in the soft targets is found."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (path,) = sorted((teacher / "distill/soft").glob("calibration*.parquet"))
    table = pq.read_table(path)
    labels = table["labels"].to_pylist()
    labels[0][0] = (labels[0][0] + 1) % 5
    at = table.schema.get_field_index("labels")
    changed = table.set_column(at, table.schema.field(at), pa.array(labels, table.schema.field(at).type))
    pq.write_table(changed, path)
    problems = {check.name: list(check.problems) for check in verify(teacher) if not check.skipped}
    assert problems["checksums"]
    assert any("labels" in problem for problem in problems.get("soft targets", ["labels"]))


@pytest.mark.slow
def test_a_teacher_of_tokens_with_bilou_tags(tmp_path: Path) -> None:
    place = tmp_path / "project"
    place.mkdir()
    built(place, "tokens", "bilou")
    teacher = load_teacher(place / "artifacts/teacher")
    (found,) = teacher.entities([{"tokens": ["it", "is", "here", "rain"]}])  # type: ignore[union-attr]
    assert all(one.label in TYPES and one.last <= 4 for one in found)
