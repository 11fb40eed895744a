"""Teachers of pairs of texts, from `check` to `load_teacher` and `verify`, by the commands of `dvc.yaml`."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.toys.text import FILLER, WORDS
from tests.toys.text_pairs import pair_base

ROOT = Path(__file__).parents[2]
STAGES = ("check", "prepare", "base", "check_rows", "finetune", "evaluate", "calibrate", "package")
ROWS = {"train": 40, "validation": 16, "calibration": 40, "test": 40}

RUN = """
import importlib, json, shlex, sys
from pathlib import Path
import yaml
for name in sys.argv[3:]:
    command = shlex.split(yaml.safe_load(Path(sys.argv[1]).read_text())["stages"][name]["cmd"])
    importlib.import_module(command[2]).main.main(command[3:], standalone_mode=False)
from teacherspec.package.verification.verify import verify
from teacherspec.serving import load_teacher
teacher = load_teacher(Path("artifacts/teacher"))
rows = [{"question": "ice snow", "passage": "frost here"}, {"question": "ice", "passage": "fire " * 90}]
method = getattr(teacher, sys.argv[2])
checks = {
    check.name: ["skipped"] if check.skipped else list(check.problems)
    for check in verify(Path("artifacts/teacher"))
}
Path("found.json").write_text(json.dumps({"answers": method(rows).tolist(), "checks": checks}))
"""

KINDS: dict[str, dict[str, Any]] = {
    "text_pair_classification": {"label_names": ["other", "same"], "symmetric": True},
    "text_pair_regression": {"range": [0, 5], "truncation": "only_second"},
}

CALIBRATION = {
    "text_pair_classification": {"kind": "temperature"},
    "text_pair_regression": {"kind": "conformal", "level": 0.8},
}
GATES = {
    "text_pair_classification": {"metric": "evaluate.gain.test.accuracy", "at_least": -1.0},
    "text_pair_regression": {"metric": "evaluate.gain.test.rmse", "at_least": -5.0},
}
TRAINING = {"epochs": 2, "batch_size": 8, "learning_rate": 5.0e-3}


def declaration(kind: str) -> dict[str, Any]:
    scored = kind == "text_pair_regression"
    sources = [{"kind": "jsonl", "path": f"data/{name}.jsonl", "split": name} for name in ROWS]
    return {
        "task": {"kind": kind, "texts": ["question", "passage"], "max_length": 16, **KINDS[kind]},
        "prepare": {
            "data": "data", "sources": sources, "near_duplicates": None, "leaks": "drop",
            "min_rows_per_class": {"train": 1, "test": 0},
        },
        "base": {"source": {"kind": "path", "folder": "base"}, "license": "mit"},
        "finetune": {**TRAINING, **({"selection_metric": "mse"} if scored else {})},
        "evaluate": {"resamples": 100, "latency_examples": 10},
        "calibrate": {"resamples": 100, "method": CALIBRATION[kind]},
        "probe": {},
        "package": {
            "name": "pairs", "description": "A toy.", "intended_use": "Tests.", "data_license": "cc0-1.0",
            "golden_examples": 8,
            "gates": [GATES[kind]],
        },
    }  # fmt: skip


def rows(kind: str, count: int, seed: int) -> Sequence[dict[str, Any]]:
    """Texts of some words of one class; the pair is of the same class or not."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(count):
        classes = list(WORDS) if number % 2 else [draw.choice(list(WORDS))] * 2
        first, second = (
            " ".join([*draw.choice(FILLER, 4), *draw.choice(WORDS[name], 2)]) for name in classes[:2]
        )
        row = {"question": f"{first} {seed}", "passage": second}
        value = (
            {"score": 1.0 if number % 2 else 4.5}
            if kind == "text_pair_regression"
            else {"label": "other" if number % 2 else "same"}
        )
        found.append({**row, **value})
    return found


def build(place: Path, kind: str, method: str) -> dict[str, Any]:
    """A package of this kind in `place`, with what its teacher answers and its verification finds."""
    pair_base(place / "base")
    (place / "data").mkdir()
    for seed, (split, count) in enumerate(ROWS.items()):
        lines = [json.dumps(row) + "\n" for row in rows(kind, count, seed)]
        (place / f"data/{split}.jsonl").write_text("".join(lines))
    (place / "params.yaml").write_text(yaml.safe_dump(declaration(kind)))
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(ROOT / "dvc.yaml"), method, *STAGES],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads((place / "found.json").read_text())
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "method"), [("text_pair_classification", "probs"), ("text_pair_regression", "scores")]
)
def test_a_teacher_of_pairs_goes_through_every_stage(tmp_path: Path, kind: str, method: str) -> None:
    found = build(tmp_path, kind, method)
    assert not any(found["checks"].values()), found["checks"]
    assert np.shape(found["answers"])[0] == 2
    assert np.isfinite(found["answers"]).all()
