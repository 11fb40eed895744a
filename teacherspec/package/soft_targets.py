"""Soft targets: the rows of declared splits with the teacher's logits at temperature 1, ready to distil from.

The logits are those that `evaluate` predicted; no second pass of the model could make them disagree.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import DataError
from teacherspec.files import write_parquet_parts, write_text
from teacherspec.prepared import Split
from teacherspec.tasks.fields import RowFields

if TYPE_CHECKING:
    import pyarrow as pa

CONFIG = "soft"
ROWS_PER_PART = 65_536
ROWS_PER_SHARD = 16 * ROWS_PER_PART


def pack_soft_targets(
    splits: Sequence[Split], predictions: Path, fields: RowFields, label_names: Sequence[str], target: Path
) -> dict[str, int]:
    """Write `distill/`: a data set of one configuration, `soft`, that `datasets.load_dataset` opens.

    Columns: `id`; the task's content columns; `content_sha256`, of the content as UTF-8; `label` (-1 where
    the row has none); `logits` `[C]` float32 at temperature 1; `in_teacher_train`, whether the teacher was
    fitted on the row, so that its logits may carry little beyond the label.

    Args:
        splits: the declared splits.
        predictions: folder of `<split>.parquet` with the predictions.
        fields: what a row of the task holds.
        label_names: in the order of the logits.
        target: folder to create.

    Returns:
        Split name → number of soft targets.

    Raises:
        DataError: rows and predictions of a split do not belong together.
    """
    schema = _schema(fields, label_names, splits[0])
    for split in splits:
        shards = max(1, -(-split.rows // ROWS_PER_SHARD))
        parts = _parts(split, predictions / f"{split.name}.parquet", fields, schema)
        for shard in range(shards):
            name = f"{split.name}-{shard:05d}-of-{shards:05d}.parquet"
            write_parquet_parts(target / CONFIG / name, schema, _up_to(parts, ROWS_PER_SHARD))
    write_text(target / "README.md", _readme([split.name for split in splits]))
    return {split.name: split.rows for split in splits}


def content_sha256(contents: Sequence[str | bytes]) -> str:
    """Hex SHA-256 of a row's content columns, texts as UTF-8, several joined by the byte 0x1f."""
    parts = [content.encode() if isinstance(content, str) else content for content in contents]
    return hashlib.sha256(b"\x1f".join(parts)).hexdigest()


def _schema(fields: RowFields, label_names: Sequence[str], split: Split) -> "pa.Schema":
    """The columns with the types that `datasets` reads back: label names, and logits of fixed length."""
    import pyarrow.parquet as pq
    from datasets import ClassLabel, Features, List, Value

    stored = Features.from_arrow_schema(pq.read_schema(split.path))
    content = {field.name: stored[field.name] for field in fields.content}
    columns = {
        "id": Value("string"),
        **content,
        "content_sha256": Value("string"),
        "label": ClassLabel(names=list(label_names)),
        "logits": List(Value("float32"), length=len(label_names)),
        "in_teacher_train": Value("bool"),
    }
    return Features(columns).arrow_schema


def _parts(split: Split, predictions: Path, fields: RowFields, schema: "pa.Schema") -> "Iterator[pa.Table]":
    """Tables of bounded size, rows and predictions side by side."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [field.name for field in fields.content]
    with pq.ParquetFile(split.path) as rows, pq.ParquetFile(predictions) as predicted:
        if rows.metadata.num_rows != predicted.metadata.num_rows:
            raise DataError(_strangers(split, predictions))
        batches = (file.iter_batches(batch_size=ROWS_PER_PART) for file in (rows, predicted))
        for row, prediction in zip(*batches, strict=True):
            if row["id"] != prediction["id"]:
                raise DataError(_strangers(split, predictions))
            contents = zip(*(row[name].to_pylist() for name in names), strict=True)
            columns = {
                **{name: row[name] for name in ("id", *names)},
                "content_sha256": pa.array([content_sha256(content) for content in contents]),
                "label": prediction["label"],
                "logits": prediction["logits"],
                "in_teacher_train": pa.repeat(split.role == "train", len(row)),
            }
            yield pa.table([columns[name] for name in schema.names], names=schema.names).cast(schema)


def _up_to(parts: "Iterator[pa.Table]", rows: int) -> "Iterator[pa.Table]":
    """The next parts until `rows` rows are taken; a part never spans two shards."""
    taken = 0
    while taken < rows and (part := next(parts, None)) is not None:
        taken += len(part)
        yield part


def _strangers(split: Split, predictions: Path) -> str:
    return f"{predictions}: holds other rows than {split.path}; run the stage `evaluate` again"


def _readme(names: Sequence[str]) -> str:
    """The card of the data set, whose head tells `datasets` which files belong to which split."""
    from huggingface_hub import DatasetCardData

    files: list[dict[str, Any]] = [{"split": name, "path": f"{CONFIG}/{name}-*.parquet"} for name in names]
    head = DatasetCardData(configs=[{"config_name": CONFIG, "data_files": files}]).to_yaml()
    return f"---\n{head}\n---\n\n{TEXT}"


TEXT = """\
# Soft targets

`load_dataset(".", "soft")` gives one row an example: `id`, the content, `content_sha256` (of the content as
UTF-8), `label`, `logits` and `in_teacher_train`.

- `logits` are the teacher's, raw, at temperature 1. For a distillation temperature t use
  `softmax(logits / t)`; for the teacher's calibrated probabilities see `../calibration/`. Never apply both
  twice.
- Join with your own rows by `id` or `content_sha256`, never by position.
- Where `in_teacher_train` is true the teacher was fitted on the row and its logits may carry little beyond
  the label; prefer the other splits, or a higher temperature, where that matters.
- `test` is not here: compare students with the teacher on it.
"""
