"""Soft targets that the packaged model computes again, to check those that are stored."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from teacherspec.package.golden_examples import FLOAT32_TOLERANCE, forward, largest_mismatch
from teacherspec.package.provenance.content_hash import content_sha256
from teacherspec.package.resumable_shards import read_shards
from teacherspec.package.verification.package_reader import OpenedPackage
from teacherspec.tasks.shared.interfaces.capabilities import ExtraTargets

if TYPE_CHECKING:
    import pyarrow as pa

WORK = 1e10
"""Rows times parameters of a split that are computed again: every row of a small model, a hundred of a
ViT-Base, a minute of two cores."""

AT_LEAST = 16
"""Rows of a split that are computed again, however large the model."""

ROWS_AT_ONCE = 32


class ChosenRows(NamedTuple):
    """Some soft targets of a split.

    Attributes:
        rows: with all their columns.
        problems: with the number of rows, with columns and with the hashes of contents, all rows read.
    """

    rows: list[dict[str, Any]]
    problems: list[str]


def choose_rows(opened: OpenedPackage, split: str, places: Sequence[int]) -> ChosenRows:
    """Read all soft targets of a split in bounded memory and keep those at the given places."""
    stated, wanted = opened.metadata.soft_targets.rows[split], set(places)
    in_train = opened.metadata.splits[split].role == "train"
    names = [column.name for column in opened.task.row_schema().content]
    found = ChosenRows([], [])
    seen: set[str] = set()
    start = 0
    for batch in read_shards(opened.folder / "distill", split):
        if not found.problems:
            found.problems.extend(_batch_problems(opened, batch, names, seen, in_train))
        if found.problems:
            return found
        for at in sorted(wanted & set(range(start, start + len(batch)))):
            found.rows.extend(batch.slice(at - start, 1).to_pylist())
        start += len(batch)
    if start != stated:
        found.problems.append(f"{start} soft targets, metadata.json says {stated}")
    return found


def _batch_problems(
    opened: OpenedPackage, batch: "pa.RecordBatch", names: list[str], seen: set[str], in_train: bool
) -> Iterator[str]:
    """Rows that are no soft targets of this task, or whose content has another hash; the first of them."""
    for column in opened.task.row_schema().content:
        if batch[column.name].type != column.arrow_type():
            yield f"{column.name} is {batch[column.name].type}, expected {column.arrow_type()}"
            return
    ids = batch["id"].to_pylist()
    before = len(seen)
    seen.update(ids)
    if len(seen) < before + len(ids):
        yield "two rows have the same id"
    if set(batch["in_teacher_train"].to_pylist()) - {in_train}:
        yield f"in_teacher_train is not {in_train} in every row"
    contents = zip(*(batch[name].to_pylist() for name in names), strict=True)
    hashes = batch["content_sha256"].to_pylist()
    wrong = [at for at, content in enumerate(contents) if content_sha256(content) != hashes[at]]
    if wrong:
        yield f"row {ids[wrong[0]]}: content_sha256 is not that of its content"


def check_recomputed(opened: OpenedPackage, outputs: Sequence[str]) -> Iterator[str]:
    """Every row's content has its hash; the model gives the stored outputs of the chosen rows of each split.

    Args:
        opened: the package.
        outputs: columns of the soft targets that hold outputs of the model.
    """
    model, processor = opened.model_and_processor
    for split, places in opened.rows_again(WORK, AT_LEAST).items():
        rows, problems = choose_rows(opened, split, places)
        for start in range(0, len(rows), ROWS_AT_ONCE):
            if problems:
                break
            some = rows[start : start + ROWS_AT_ONCE]
            _, computed = forward(opened.task, model, processor, some)
            ids = [row["id"] for row in some]
            for name in outputs:
                stored = np.array([row[name] for row in some], np.float32)
                mismatch = largest_mismatch(stored, computed[name], ids, FLOAT32_TOLERANCE, name)
                problems += [mismatch] if mismatch else []
        yield from (f"distill: {split}: {problem}" for problem in problems)
        if rows and not problems and (extra := opened.task.capability(ExtraTargets)):
            found = extra.check_extra_targets(model, processor, split, rows, opened.folder / "distill")
            yield from (f"distill: {problem}" for problem in found)
