"""Writes the kept rows as the splits on disk."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from teacherspec.prepare.dedup_and_split import Assignment
from teacherspec.prepare.ingest import Ingested, TypesSeen, extra_column, stored_values
from teacherspec.prepare.mmap_columns import Indices, chunks
from teacherspec.prepare.row_hashes import Hashes
from teacherspec.prepare.split_assignment import fold_of, split_keys
from teacherspec.runtime.atomic_io import new_folder, sha256_file, write_parquet_parts
from teacherspec.splits import Prepared, Role, Split, places_file, save_index
from teacherspec.tasks.shared.columns.row_schema import RowSchema

if TYPE_CHECKING:
    import pyarrow as pa

PART_ROWS = 65_536
PART_BYTES = 64 << 20
"""Largest row group, in rows and in average bytes: long texts and images give groups of fewer rows."""


@dataclass(frozen=True)
class Layout:
    """What the files contain.

    Attributes:
        task: kind of the task.
        fields: its columns.
        keep: names of the columns of `prepare.keep_columns`.
        folds: number of folds of `train`, or None for no such column.
        seed: of the folds.
    """

    task: str
    fields: RowSchema
    keep: Sequence[str]
    folds: int | None
    seed: int


def write_splits(
    root: Path,
    out: Path,
    ingested: Ingested,
    assignment: Assignment,
    layout: Layout,
    extras: Sequence[Path],
) -> Prepared:
    """Write every split, the index and copies of the extra files as one new folder, atomically.

    The places of the rows are written to the scratch folder below `root`.

    Rows are in the order of their content hash: the same rows give the same bytes in whatever order they
    were read, and any prefix of a split is a random sample of it.
    """
    splits = {}
    sizes = assignment.split_rows()
    with new_folder(out) as folder:
        for number, name in assignment.stored():
            path = folder / f"{name}.parquet"
            schema = _schema(layout, ingested.extra_types, with_fold=name == "train")
            write_parquet_parts(path, schema, _parts(schema, ingested, assignment, layout, number))
            role = cast(Role, assignment.roles[number])
            splits[name] = Split(name, role, int(sizes[number]), sha256_file(path), out / path.name)
            _write_places(places_file(root, splits[name].sha256), ingested, assignment, number)
        details = tuple(rule.name for rule in layout.fields.label_details)
        tokens = layout.fields.token_labels()
        names = assignment.class_names if tokens is None else tokens.label_names
        prepared = Prepared(layout.task, names, splits, details)
        save_index(folder, prepared)
        for extra in extras:
            shutil.copyfile(extra, folder / extra.name)
    return prepared


def _write_places(path: Path, ingested: Ingested, assignment: Assignment, split: int) -> None:
    """Where each row of a split was read, in the order of its file."""
    import pyarrow as pa

    schema = pa.schema([("place", pa.string())])
    places = (list(map(ingested.place, part)) for part in _even_parts(assignment.rows_of(split), PART_ROWS))
    write_parquet_parts(path, schema, (pa.table([part], schema=schema) for part in places))


def _schema(layout: Layout, kinds: dict[str, TypesSeen], with_fold: bool) -> "pa.Schema":
    import pyarrow as pa

    columns = [("id", pa.string()), *((rule.name, rule.arrow_type()) for rule in layout.fields.columns())]
    columns += [
        (name, pa.float64() if "number" in kinds[name].first else pa.string()) for name in layout.keep
    ]
    if with_fold and layout.folds is not None:
        columns.append(("fold", pa.int8()))
    return pa.schema(columns)


def _parts(
    schema: "pa.Schema", ingested: Ingested, assignment: Assignment, layout: Layout, split: int
) -> "Iterator[pa.Table]":
    import pyarrow as pa

    stored = stored_values(layout.fields)
    columns = [*stored, "id", *map(extra_column, layout.keep)]
    rows = min(PART_ROWS, max(1, PART_BYTES // max(1, mean_size(ingested, assignment, split))))
    for part in _even_parts(assignment.rows_of(split), rows):
        table = ingested.row_store.gather(part, columns)
        hashes = Hashes(*(words[part] for words in assignment.hashes))
        values: dict[str, Any] = {name: table.column(name) for name in stored}
        values["id"] = pa.array(_ids(table.column("id").to_pylist(), hashes), pa.string())
        if layout.fields.label:
            values[layout.fields.label.name] = pa.array(assignment.label[part], pa.int32())
        for name in layout.keep:
            texts = table.column(extra_column(name)).to_pylist()
            typed = [None if text is None else json.loads(text) for text in texts]
            values[name] = pa.array(typed, schema.field(name).type)
        if layout.folds is not None:
            keys = split_keys(hashes.content, hashes.group)
            values["fold"] = pa.array(fold_of(keys, layout.folds, layout.seed), pa.int8())
        yield pa.table([values[name] for name in schema.names], schema=schema)


def _ids(given: Sequence[str | None], hashes: Hashes) -> list[str]:
    """The given id of each row, else 16 hexadecimal digits of the hash of content and answers."""
    numbers = (hashes.content ^ hashes.answer).tolist()
    return [
        name if name is not None else f"{number:016x}" for name, number in zip(given, numbers, strict=True)
    ]


def mean_size(ingested: Ingested, assignment: Assignment, split: int) -> int:
    """Mean size of the content of a split's rows, in characters or bytes."""
    sizes = ingested.row_store.numbers("size")
    total = rows = 0
    for chunk in chunks(len(sizes)):
        chosen = sizes[chunk][assignment.keep[chunk] & (assignment.split[chunk] == split)]
        total, rows = total + int(chosen.sum(dtype=np.int64)), rows + len(chosen)
    return total // max(1, rows)


def _even_parts(parts: Iterator[Indices], rows: int) -> Iterator[Indices]:
    """The same rows in parts of equal size: row groups must not depend on memory."""
    pending = np.empty(0, np.int64)
    for part in parts:
        pending = np.concatenate([pending, part])
        while len(pending) >= rows:
            yield pending[:rows]
            pending = pending[rows:]
    if len(pending):
        yield pending
