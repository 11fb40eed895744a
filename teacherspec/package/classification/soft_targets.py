"""Soft targets: the rows of declared splits with the teacher's logits at temperature 1, ready to distil from.

The logits are those that `evaluate` predicted; no second pass of the model could make them disagree.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.errors import DataError
from teacherspec.package.resumable_shards import CONFIG, shard_name
from teacherspec.runtime.atomic_io import write_parquet_parts, write_text
from teacherspec.splits import Split
from teacherspec.tasks.columns.row_schema import RowSchema

if TYPE_CHECKING:
    import pyarrow as pa

OUT_OF_FOLD = "out_of_fold.parquet"
"""File of the cross-fitted logits beside the fine-tuned model."""

FOLD, CROSSED = "fold", "out_of_fold_logits"
"""Columns that only cross-fitting adds."""

ROWS_PER_PART = 65_536
ROWS_PER_SHARD = 16 * ROWS_PER_PART


def pack_soft_targets(
    splits: Sequence[Split],
    predictions: Path,
    fields: RowSchema,
    label_names: Sequence[str],
    target: Path,
    out_of_fold: Path | None = None,
) -> dict[str, int]:
    """Write `distill/`: a data set of one configuration, `soft`, that `datasets.load_dataset` opens.

    Columns: `id`; the task's content columns; `content_sha256`, of the content as UTF-8; `label` (-1 where
    the row has none); `logits` `[C]` float32 at temperature 1; `in_teacher_train`, whether the teacher was
    fitted on the row, so that its logits may carry little beyond the label. After cross-fitting also `fold`
    (-1 where the teacher was not fitted on the row) and `out_of_fold_logits` `[C]`, what a model trained
    without the row's fold says (null there). `logits` stay those of the packaged model on every row.

    Args:
        splits: the declared splits.
        predictions: folder of `<split>.parquet` with the predictions.
        fields: what a row of the task holds.
        label_names: in the order of the logits.
        target: folder to create.
        out_of_fold: Parquet file of the cross-fitted logits of the train split, where there are some.

    Returns:
        Split name → number of soft targets.

    Raises:
        DataError: rows and predictions of a split do not belong together.
    """
    schema = _schema(fields, label_names, splits[0], with_folds=out_of_fold is not None)
    for split in splits:
        shards = max(1, -(-split.rows // ROWS_PER_SHARD))
        crossed = out_of_fold if split.role == "train" else None
        parts = _parts(split, predictions / f"{split.name}.parquet", crossed, fields, schema)
        for shard in range(shards):
            path = target / CONFIG / shard_name(split.name, shard, shards)
            write_parquet_parts(path, schema, up_to(parts, ROWS_PER_SHARD))
    write_text(target / "README.md", data_card([split.name for split in splits], TEXT))
    return {split.name: split.rows for split in splits}


def content_sha256(contents: Sequence[str | bytes]) -> str:
    """Hex SHA-256 of a row's content columns, texts as UTF-8, several joined by the byte 0x1f."""
    parts = [content.encode() if isinstance(content, str) else content for content in contents]
    return hashlib.sha256(b"\x1f".join(parts)).hexdigest()


def _schema(fields: RowSchema, label_names: Sequence[str], split: Split, *, with_folds: bool) -> "pa.Schema":
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
    if with_folds:
        columns |= {FOLD: Value("int8"), CROSSED: columns["logits"]}
    return Features(columns).arrow_schema


def _parts(
    split: Split, predictions: Path, crossed: Path | None, fields: RowSchema, schema: "pa.Schema"
) -> "Iterator[pa.Table]":
    """Tables of bounded size: rows, predictions and out-of-fold logits side by side."""
    import pyarrow as pa

    names = [field.name for field in fields.content]
    for row, prediction, other in side_by_side(split.path, predictions, crossed):
        if row["id"] != prediction["id"] or (other is not None and row["id"] != other["id"]):
            raise DataError(strangers(split, predictions))
        contents = zip(*(row[name].to_pylist() for name in names), strict=True)
        columns = {
            **{name: row[name] for name in ("id", *names)},
            "content_sha256": pa.array([content_sha256(content) for content in contents]),
            "label": prediction["label"],
            "logits": prediction["logits"],
            "in_teacher_train": pa.repeat(split.role == "train", len(row)),
        }
        if FOLD in schema.names:
            nothing = pa.nulls(len(row), prediction["logits"].type)
            columns[FOLD] = pa.repeat(-1, len(row)) if other is None else other[FOLD]
            columns[CROSSED] = nothing if other is None else other["logits"]
        yield pa.table([columns[name] for name in schema.names], names=schema.names).cast(schema)


def side_by_side(rows: Path, predictions: Path, crossed: Path | None) -> "Iterator[tuple[Any, Any, Any]]":
    """Batches of the same rows of three files; None for the third where it is not given.

    Raises:
        DataError: the files have different numbers of rows.
    """
    import pyarrow.parquet as pq

    with ExitStack() as opened:
        paths = [path for path in (rows, predictions, crossed) if path is not None]
        files = [opened.enter_context(pq.ParquetFile(path)) for path in paths]
        if len({file.metadata.num_rows for file in files}) > 1:
            raise DataError(f"{predictions}: holds other rows than {rows}; run `dvc repro` again")
        batches = [file.iter_batches(batch_size=ROWS_PER_PART) for file in files]
        for row, prediction, *other in zip(*batches, strict=True):
            yield row, prediction, other[0] if other else None


def up_to(parts: "Iterator[pa.Table]", rows: int) -> "Iterator[pa.Table]":
    """The next parts until `rows` rows are taken; a part never spans two shards."""
    taken = 0
    while taken < rows and (part := next(parts, None)) is not None:
        taken += len(part)
        yield part


def strangers(split: Split, predictions: Path) -> str:
    """What is wrong where rows and predictions do not belong together."""
    return f"{predictions}: holds other rows than {split.path}; run `dvc repro` again"


def data_card(names: Sequence[str], text: str) -> str:
    """The card of the data set, whose head tells `datasets` which files belong to which split."""
    from huggingface_hub import DatasetCardData

    files: list[dict[str, Any]] = [{"split": name, "path": f"{CONFIG}/{name}-*.parquet"} for name in names]
    head = DatasetCardData(configs=[{"config_name": CONFIG, "data_files": files}]).to_yaml()
    return f"---\n{head}\n---\n\n{text}"


TEXT = """\
# Soft targets

`load_dataset(".", "soft")` gives one row an example: `id`, the content, `content_sha256` (of the content as
UTF-8), `label`, `logits` and `in_teacher_train`.

- `logits` are the teacher's, raw, at temperature 1. For a distillation temperature t use
  `softmax(logits / t)`; for the teacher's calibrated probabilities see `../calibration/`. Never apply both
  twice.
- Join with your own rows by `id` or `content_sha256`, never by position.
- Where `in_teacher_train` is true the teacher was fitted on the row and its logits may carry little beyond
  the label; prefer `out_of_fold_logits` where there are some (from a model that was trained without the
  row's `fold`; null on other splits), the other splits, or a higher temperature.
- `test` is not here: compare students with the teacher on it.
"""
