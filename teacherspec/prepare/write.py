"""Judged rows as the splits on disk."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.files import new_folder, sha256_file, write_parquet_parts
from teacherspec.prepare.ingest import Ingested, Kinds, kept_column
from teacherspec.prepare.judge import Judged
from teacherspec.prepared import Prepared, Split, save_index
from teacherspec.tasks.fields import RowFields

if TYPE_CHECKING:
    import pyarrow as pa

PART_ROWS = 65_536


def write_splits(
    out: Path,
    kind: str,
    ingested: Ingested,
    fields: RowFields,
    keep: Sequence[str],
    judged: Judged,
    extras: Sequence[Path],
) -> Prepared:
    """Write every split, the index and copies of the extra files as one new folder, whole or not at all.

    Rows lie in the order of their content hash: the same rows give the same bytes in whatever order
    they were read, and any first part of a split is a random sample of it.
    """
    schema = _schema(fields, keep, ingested.kept_kinds)
    splits = {}
    with new_folder(out) as folder:
        for number, (name, role) in enumerate(zip(judged.split_names, judged.roles, strict=True)):
            rows = np.flatnonzero(judged.kept & (judged.split == number))
            rows = rows[np.lexsort((ingested.spool.numbers("answer")[rows], judged.keys[rows]))]
            path = folder / f"{name}.parquet"
            write_parquet_parts(path, schema, _parts(schema, ingested, judged, fields, keep, rows))
            splits[name] = Split(name, role, len(rows), sha256_file(path), out / path.name)
        prepared = Prepared(kind, judged.label_names, splits)
        save_index(folder, prepared)
        for path in extras:
            shutil.copyfile(path, folder / path.name)
    return prepared


def _schema(fields: RowFields, keep: Sequence[str], kinds: dict[str, Kinds]) -> "pa.Schema":
    import pyarrow as pa

    kept = [(name, pa.float64() if "number" in kinds[name].first else pa.string()) for name in keep]
    return pa.schema(
        [("id", pa.string()), *((rule.name, rule.storage()) for rule in fields.columns()), *kept]
    )


def _parts(
    schema: "pa.Schema",
    ingested: Ingested,
    judged: Judged,
    fields: RowFields,
    keep: Sequence[str],
    rows: npt.NDArray[np.int64],
) -> "Iterator[pa.Table]":
    import pyarrow as pa

    stored = [rule.name for rule in (*fields.content, *fields.answers)]
    columns = [*stored, "id", *map(kept_column, keep), "key_high", "answer"]
    for start in range(0, len(rows), PART_ROWS):
        part = rows[start : start + PART_ROWS]
        table = ingested.spool.gather(part, columns)
        values: dict[str, Any] = {name: table.column(name) for name in stored}
        values["id"] = pa.array(_ids(table), pa.string())
        if fields.label:
            values[fields.label.name] = pa.array(judged.label[part], pa.int32())
        for name in keep:
            texts = table.column(kept_column(name)).to_pylist()
            typed = [None if text is None else json.loads(text) for text in texts]
            values[name] = pa.array(typed, schema.field(name).type)
        yield pa.table([values[name] for name in schema.names], schema=schema)


def _ids(table: "pa.Table") -> list[str]:
    """The given id of each row, else 16 hexadecimal digits of the hash of content and answers."""
    given = table.column("id").to_pylist()
    hashes = (table.column("key_high").to_numpy() ^ table.column("answer").to_numpy()).tolist()
    return [
        name if name is not None else f"{number:016x}" for name, number in zip(given, hashes, strict=True)
    ]
