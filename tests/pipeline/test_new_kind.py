"""A new kind of a known output type is one module and one name in one list: every stage then runs on it.

The kind below is added to a copy of the library, in which nothing else is changed, and taken from `check` to
`load_teacher` by the commands of `dvc.yaml`.
"""

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toys.text import LABELS, toy_base, toy_rows

ROOT = Path(__file__).parents[2]
STAGES = ("check", "prepare", "base", "check_rows", "finetune", "evaluate", "calibrate", "package")
ROWS = {"train": 24, "validation": 10, "calibration": 20, "test": 10}

MODULE = '''
"""Tickets of two columns, subject and body: text classification of both together."""

from typing import Literal

from teacherspec.tasks.shared.columns.label import LabelColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from teacherspec.tasks.text_classification.task import TextClassification


def joined(row):
    return {**row, "text": row["subject"] + " " + row["body"]}


class Ticket(TextClassification):
    """Assign one of the label names to a ticket."""

    kind: Literal["ticket"]

    def row_schema(self):
        return RowSchema((TextColumn("subject"), TextColumn("body")), LabelColumn("label", self.label_names))

    def encode(self, tokenizer, rows):
        return super().encode(tokenizer, rows.map(joined).remove_columns(["subject", "body"]))

    def batch(self, tokenizer, rows):
        return super().batch(tokenizer, [joined(row) for row in rows])
'''

RUN = """
import importlib, json, shlex, sys
from pathlib import Path
import yaml
for name in sys.argv[2:]:
    command = shlex.split(yaml.safe_load(Path(sys.argv[1]).read_text())["stages"][name]["cmd"])
    importlib.import_module(command[2]).main.main(command[3:], standalone_mode=False)
from teacherspec.package.verification.verify import verify
from teacherspec.serving import load_teacher
teacher = load_teacher(Path("artifacts/teacher"))
probs = teacher.probs([{"subject": "the ice", "body": "snow and frost"}])
checks = {
    check.name: ["skipped"] if check.skipped else list(check.problems)
    for check in verify(Path("artifacts/teacher"))
}
Path("found.json").write_text(json.dumps({
    "kind": teacher.task.kind, "probs": probs.tolist(), "checks": checks,
}))
"""

PARAMS = """
task: {kind: ticket, max_length: 16}
prepare:
  seed: 1
  sources: SOURCES
  min_rows_per_class: {train: 1, test: 0}
  data: data
base:
  source: {kind: path, folder: base}
  license: mit
finetune: {epochs: 1, batch_size: 8, learning_rate: 5.0e-3}
evaluate: {resamples: 100, latency_examples: 10}
calibrate: {resamples: 100}
probe: {}
package:
  name: tickets
  description: A toy.
  intended_use: Tests.
  data_license: cc0-1.0
  golden_examples: 8
"""


def library_with(place: Path, listed: bool) -> Path:
    """A copy of library and stages with the module of the new kind, and its name in the list or not."""
    for folder in ("teacherspec", "stages"):
        shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))
    module = place / "teacherspec/tasks/ticket"
    module.mkdir()
    (module / "__init__.py").touch()
    (module / "task.py").write_text(MODULE)
    if listed:
        path = place / "teacherspec/tasks/__init__.py"
        text = path.read_text()
        imported = "from teacherspec.tasks.ticket.task import Ticket\n\nKINDS"
        path.write_text(
            text.replace("\nKINDS", imported, 1).replace("    CausalLM,\n", "    CausalLM,\n    Ticket,\n", 1)
        )
    return place


def changed_files(library: Path) -> set[str]:
    """Files of the copy that differ from the original, and those that the original lacks."""
    names = [path.relative_to(library) for path in library.rglob("*") if path.is_file()]
    return {
        name.as_posix()
        for name in names
        if "__pycache__" not in name.parts
        and not ((ROOT / name).is_file() and filecmp.cmp(library / name, ROOT / name, shallow=False))
    }


def project(place: Path) -> Path:
    """Rows, a base and a declaration of a teacher of the new kind."""
    toy_base(place / "base")
    (place / "data").mkdir()
    sources = []
    for seed, (split, count) in enumerate(ROWS.items()):
        lines = []
        for text, label in zip(*toy_rows(count, seed), strict=True):
            first, _, rest = text.partition(" ")
            lines.append(json.dumps({"subject": first, "body": rest, "label": LABELS[label]}))
        (place / f"data/{split}.jsonl").write_text("\n".join(lines) + "\n")
        sources.append({"kind": "jsonl", "path": f"data/{split}.jsonl", "split": split})
    (place / "params.yaml").write_text(PARAMS.replace("SOURCES", json.dumps(sources)))
    return place


def run(library: Path, place: Path, *stages: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if name not in {"DVC_STAGE", "DVC_ROOT"}}
    return subprocess.run(
        [sys.executable, "-c", RUN, str(ROOT / "dvc.yaml"), *stages],
        cwd=place,
        env={**kept, "PYTHONPATH": str(library)},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_a_new_kind_is_one_module_and_one_name(tmp_path: Path) -> None:
    library = library_with(tmp_path / "library", listed=True)
    added = {"teacherspec/tasks/ticket/__init__.py", "teacherspec/tasks/ticket/task.py"}
    assert changed_files(library) == {*added, "teacherspec/tasks/__init__.py"}
    place = project(tmp_path / "project")
    done = run(library, place, *STAGES)
    assert done.returncode == 0, done.stderr
    found = json.loads((place / "found.json").read_text())
    assert found["kind"] == "ticket"
    assert sum(found["probs"][0]) == pytest.approx(1.0)
    assert not any(found["checks"].values()), found["checks"]


def test_a_kind_that_is_not_in_the_list_is_refused_by_the_first_stage(tmp_path: Path) -> None:
    place = project(tmp_path / "project")
    done = run(library_with(tmp_path / "library", listed=False), place, "check")
    assert done.returncode != 0
    assert "ticket" in done.stderr
    assert "text_classification" in done.stderr
