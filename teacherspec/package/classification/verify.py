"""Whether the packaged model gives what is stored of it: golden logits, soft targets, calibrated loss."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from teacherspec.calibrators.fitted import Calibrator, apply
from teacherspec.metrics.proper_scores import nll
from teacherspec.package.classification.soft_targets import content_sha256
from teacherspec.package.golden_examples import forward, furthest, load_golden
from teacherspec.package.package_reader import OpenedPackage
from teacherspec.package.resumable_shards import read_shards
from teacherspec.runtime.atomic_io import read_json
from teacherspec.tasks.interfaces.capabilities import ExtraTargets
from teacherspec.tasks.interfaces.declaration import OutputType

NLL_TOLERANCE = 1e-5
"""Reports keep six decimals."""

SAMPLED_ROWS = 16
"""Soft targets of each split that the model computes again."""

STORED: Mapping[OutputType, tuple[str, ...]] = {
    "classification": ("logits",),
    "retrieval": ("image_embeds", "text_embeds"),
}
"""Columns of soft targets that hold what the model says of a row, by the form of predictions."""


def wrong_golden(opened: OpenedPackage) -> Iterator[str]:
    """Golden rows give the golden inputs, and these the golden logits."""
    golden = load_golden(opened.folder / "golden", opened.task.row_schema())
    inputs, said = forward(opened.task, *opened.task.load(opened.folder / "model"), golden.rows)
    if inputs.keys() != golden.inputs.keys() or not all(
        np.array_equal(inputs[name], golden.inputs[name]) for name in inputs
    ):
        yield "golden: the processor makes other inputs of the rows"
    ids = [row["id"] for row in golden.rows]
    stored = {"logits": golden.logits, **golden.beside}
    if stored.keys() != said.keys():
        yield f"golden: holds {', '.join(stored)}, the model gives {', '.join(said)}"
        return
    for name, expected in stored.items():
        if found := furthest(expected, said[name], ids, golden.tolerance["float32"], name):
            yield f"golden: {found}"


def wrong_soft_targets(opened: OpenedPackage) -> Iterator[str]:
    """Every row's content has its hash; the model gives the stored logits of some rows of each split."""
    tolerance = load_golden(opened.folder / "golden", opened.task.row_schema()).tolerance["float32"]
    loaded = opened.task.load(opened.folder / "model")
    for split, stated in opened.metadata.soft_targets.rows.items():
        sampled = set(np.linspace(0, stated - 1, SAMPLED_ROWS).round().astype(int).tolist())
        count, rows, problems = _read_split(opened, split, sampled)
        yield from (f"distill: {split}: {problem}" for problem in problems)
        if count != stated:
            yield f"distill: {split}: {count} soft targets, metadata.json says {stated}"
        if rows:
            _, said = forward(opened.task, *loaded, rows)
            ids = [row["id"] for row in rows]
            for name in STORED[opened.task.output_type]:
                stored = np.array([row[name] for row in rows], np.float32)
                if found := furthest(stored, said[name], ids, tolerance, name):
                    yield f"distill: {split}: {found}"
            if extra := opened.task.capability(ExtraTargets):
                differences = extra.check_extra_targets(*loaded, split, rows, opened.folder / "distill")
                yield from (f"distill: {problem}" for problem in differences)


def wrong_calibration(opened: OpenedPackage) -> Iterator[str]:
    """The calibrator gives, on the soft targets of the rows it was fitted on, the loss it was saved with.

    Nothing is known where those rows are not among the soft targets.
    """
    saved = read_json(opened.folder / "calibration/calibration.json")
    calibrator: Calibrator = TypeAdapter(Calibrator).validate_json(json.dumps(saved["calibrator"]))
    fitted_on = [name for name, split in opened.metadata.splits.items() if split.role == "calibration"]
    for split in fitted_on:
        if split in opened.metadata.soft_targets.rows:
            found = _mean_nll(calibrator, opened.folder / "distill", split)
            stated = saved["before_after"]["nll"]["after"]
            if not abs(found - stated) <= NLL_TOLERANCE:
                yield f"calibration: NLL {found:.6f} after calibration, calibration.json says {stated:.6f}"


def _mean_nll(calibrator: Calibrator, distill: Path, split: str) -> float:
    """Mean loss of the labels after calibration, nats, in bounded memory."""
    total, count = 0.0, 0
    for batch in read_shards(distill, split, ["logits", "label"]):
        logits = batch["logits"].flatten().to_numpy().reshape(len(batch), -1)
        total += nll(apply(calibrator, logits), batch["label"].to_numpy()) * len(batch)
        count += len(batch)
    return total / max(1, count)


def _read_split(
    opened: OpenedPackage, split: str, sampled: set[int]
) -> tuple[int, list[dict[str, Any]], list[str]]:
    """Number of rows, the sampled ones, and the first row whose content has not its hash."""
    names = [field.name for field in opened.task.row_schema().content]
    count = 0
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for batch in read_shards(opened.folder / "distill", split):
        contents = zip(*(batch[name].to_pylist() for name in names), strict=True)
        hashes = batch["content_sha256"].to_pylist()
        wrong = [i for i, content in enumerate(contents) if content_sha256(content) != hashes[i]]
        if wrong and not problems:
            problems.append(f"row {batch['id'][wrong[0]]}: content_sha256 is not that of its content")
        rows += batch.take(
            [i - count for i in sorted(sampled) if count <= i < count + len(batch)]
        ).to_pylist()
        count += len(batch)
    return count, rows, problems
