"""Soft targets that the packaged model computes again, to check those that are stored."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from teacherspec.package.golden_examples import forward, largest_mismatch, load_golden
from teacherspec.package.provenance.content_hash import content_sha256
from teacherspec.package.resumable_shards import read_shards
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.tasks.shared.interfaces.capabilities import ExtraTargets

SAMPLED_ROWS = 16
"""Soft targets of each split that the model computes again."""


class SampledRows(NamedTuple):
    """Some soft targets of a split.

    Attributes:
        rows: with all their columns.
        problems: with the number of rows and with the hashes of their contents, all rows read.
    """

    rows: list[dict[str, Any]]
    problems: list[str]


def sample_rows(opened: OpenedPackage, split: str, count: int) -> SampledRows:
    """Read all soft targets of a split in bounded memory and keep `count` rows, spread evenly over it."""
    stated = opened.metadata.soft_targets.rows[split]
    sampled = set(np.linspace(0, stated - 1, count).round().astype(int).tolist())
    names = [column.name for column in opened.task.row_schema().content]
    found = SampledRows([], [])
    start = 0
    for batch in read_shards(opened.folder / "distill", split):
        contents = zip(*(batch[name].to_pylist() for name in names), strict=True)
        hashes = batch["content_sha256"].to_pylist()
        wrong = [at for at, content in enumerate(contents) if content_sha256(content) != hashes[at]]
        if wrong and not found.problems:
            found.problems.append(f"row {batch['id'][wrong[0]]}: content_sha256 is not that of its content")
        for at in sorted(sampled & set(range(start, start + len(batch)))):
            found.rows.extend(batch.slice(at - start, 1).to_pylist())
        start += len(batch)
    if start != stated:
        found.problems.append(f"{start} soft targets, metadata.json says {stated}")
    return found


def check_recomputed(opened: OpenedPackage, outputs: Sequence[str]) -> Iterator[str]:
    """Every row's content has its hash; the model gives the stored outputs of some rows of each split.

    Args:
        opened: the package.
        outputs: columns of the soft targets that hold outputs of the model.
    """
    tolerance = load_golden(opened.folder / "golden", opened.task.row_schema()).tolerance["float32"]
    model, processor = opened.task.load(opened.folder / "model")
    for split in opened.metadata.soft_targets.rows:
        rows, problems = sample_rows(opened, split, SAMPLED_ROWS)
        yield from (f"distill: {split}: {problem}" for problem in problems)
        if not rows:
            continue
        _, computed = forward(opened.task, model, processor, rows)
        ids = [row["id"] for row in rows]
        for name in outputs:
            stored = np.array([row[name] for row in rows], np.float32)
            if problem := largest_mismatch(stored, computed[name], ids, tolerance, name):
                yield f"distill: {split}: {problem}"
        if extra := opened.task.capability(ExtraTargets):
            found = extra.check_extra_targets(model, processor, split, rows, opened.folder / "distill")
            yield from (f"distill: {problem}" for problem in found)
