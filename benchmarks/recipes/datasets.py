"""The data sets on which recipes are compared, as `prepare` leaves them.

The public text sets are cut down to a few rows a class, as where teachers are fine-tuned. Their shifted split
is the test split with typing errors; that of the photos is the test split blurred.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from teacherspec.check.run import check
from teacherspec.evaluate.image_corruptions import CORRUPTIONS
from teacherspec.evaluate.text_perturbations import typos
from teacherspec.model_files.manifest import CACHE
from teacherspec.model_files.sources.registry import fetch
from teacherspec.prepare.run import prepare
from teacherspec.runtime.atomic_io import sha256_file, write_parquet
from teacherspec.spec.base import Pooling
from teacherspec.spec.prepare.prepare import Prepare
from teacherspec.splits import Prepared, Role, Split, load_prepared, save_index
from teacherspec.tasks import parse_task
from teacherspec.tasks.shared.interfaces.kind import Kind

Rows = list[tuple[str, str]]
"""Text and label."""

MEASURED = 500
"""Test rows of the public text sets, and as many shifted ones."""

FRACTIONS = {"train": 0.0, "validation": 0.5, "calibration": 0.5, "test": 0.0}
"""Of the photos for validation."""


@dataclass(frozen=True)
class BenchmarkSet:
    """A data set with its task and base.

    Attributes:
        task: text or image classification.
        base: folder of the base.
        pooling: as `base.pooling`.
        prepared: the splits, with a shifted one.
        rate: factor of the recipes' learning rates, for a base that is trained at other ones.
        epochs: factor of their epochs.
        precision: as `finetune.precision`, of training and scoring.
    """

    task: Kind
    base: Path
    pooling: Pooling
    prepared: Prepared
    rate: float = 1.0
    epochs: int = 1
    precision: Literal["fp32", "bf16"] = "bf16"


def banking77(data: Path, work: Path) -> BenchmarkSet:
    """77 intents of a bank's customers, 5 train rows each."""
    train, test = (list(_csv(data / f"text/banking77/{name}.csv")) for name in ("train", "test"))
    return text_set(work, drawn({"train": 5, "validation": 3}, train), test)


def clinc150(data: Path, work: Path) -> BenchmarkSet:
    """150 intents of ten domains, 3 train rows each."""
    rows = json.loads((data / "text/clinc150/data_full.json").read_text(encoding="utf-8"))
    parts = drawn({"train": 3}, rows["train"]) | drawn({"validation": 2}, rows["val"])
    return text_set(work, parts, rows["test"])


def helpdesk(data: Path, work: Path) -> BenchmarkSet:  # noqa: ARG001
    """The default data set of this project, whole, with the shifted split that was written for it."""
    spec = check(Path("params.yaml"))
    prepared = prepare(
        Path(), spec.task.kind, spec.task.row_schema(), spec.prepare, work / "rows", work / "report"
    )
    return BenchmarkSet(spec.task, _sentence_encoder(), "mean", prepared)


def clothing(data: Path, work: Path) -> BenchmarkSet:
    """Photos of ten kinds of clothing, 30 train photos each, from a small ImageNet model."""
    task = parse_task('{"kind": "image_classification"}')
    sources = [
        {
            "kind": "image_archive",
            "path": f"image/clothing_small/{file}.tar",
            "folder": folder,
            "split": split,
        }
        for file, folder, split in (
            ("train_30perclass", "train", "train"),
            ("validation", "validation", "by_hash"),
            ("test", "test", "test"),
        )
    ]
    section = Prepare.model_validate_json(
        json.dumps({"seed": 0, "data": "image", "sources": sources, "fractions": FRACTIONS})
    )
    prepared = prepare(data, task.kind, task.row_schema(), section, work / "rows", work / "report")
    return BenchmarkSet(
        task,
        data / "models/mobilenet_v1_0.25_128_hf",
        "first",
        _with_shifted(prepared, work / "rows", "image", CORRUPTIONS["blur_3"]),
        rate=10.0,
        epochs=3,
        precision="fp32",
    )


DATASETS: dict[str, Callable[[Path, Path], BenchmarkSet]] = {
    "banking77": banking77,
    "clinc150": clinc150,
    "clothing": clothing,
    "helpdesk": helpdesk,
}
"""Name → prepares it: the folder of public data and a folder to work in."""


def _sentence_encoder() -> Path:
    (_, base), *_ = check(Path("params.yaml")).base.placed()
    return fetch(base.source, CACHE)


def _csv(path: Path) -> Rows:
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def drawn(counts: dict[str, int], rows: Sequence[Sequence[str]]) -> dict[str, Rows]:
    """For each split, `counts` rows of every class, drawn without replacement, texts that differ."""
    parts: dict[str, Rows] = {name: [] for name in counts}
    taken: Counter[str] = Counter()
    seen = set()
    for at in np.random.default_rng(0).permutation(len(rows)).tolist():
        text, label = rows[at]
        place = taken[label]
        if text in seen or place >= sum(counts.values()):
            continue
        seen.add(text)
        taken[label] += 1
        for name, count in counts.items():
            if place < count:
                parts[name].append((text, label))
                break
            place -= count
    return parts


def text_set(work: Path, parts: dict[str, Rows], test: Sequence[Sequence[str]]) -> BenchmarkSet:
    names = sorted({label for _, label in parts["train"]})
    chosen = np.sort(np.random.default_rng(0).choice(len(test), MEASURED, replace=False)).tolist()
    parts = {**parts, "test": [(test[at][0], test[at][1]) for at in chosen]}
    splits = {}
    for name, rows in parts.items():
        table = pa.table(
            {
                "id": [f"{name}-{at:05d}" for at in range(len(rows))],
                "text": [text for text, _ in rows],
                "label": pa.array([names.index(label) for _, label in rows], pa.int32()),
            }
        )
        splits[name] = _split(work / "rows", name, "test" if name == "test" else name, table)
    task = parse_task('{"kind": "text_classification", "max_length": 128}')
    prepared = Prepared(task.kind, tuple(names), splits)
    prepared = _with_shifted(prepared, work / "rows", "text", typos)
    return BenchmarkSet(task, _sentence_encoder(), "mean", prepared)


def _with_shifted(prepared: Prepared, folder: Path, column: str, change: Callable[..., object]) -> Prepared:
    """With the test split changed row by row as a further one."""
    table = pq.read_table(prepared.splits["test"].path)
    draw = np.random.default_rng(0)
    changed = pa.array([change(value, draw) for value in table[column].to_pylist()], table[column].type)
    table = table.set_column(table.column_names.index(column), table.schema.field(column), changed)
    whole = Prepared(
        prepared.task,
        prepared.label_names,
        {**prepared.splits, "shifted": _split(folder, "shifted", "shifted", table)},
    )
    save_index(folder, whole)
    return load_prepared(folder)


def _split(folder: Path, name: str, role: Role, table: pa.Table) -> Split:
    path = folder / f"{name}.parquet"
    write_parquet(path, table)
    return Split(name, role, len(table), sha256_file(path), path)
