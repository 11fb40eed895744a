"""Soft targets of retrieval: the rows of declared splits with where the teacher puts their image and text.

The embeddings are those that `evaluate` predicted; no second pass of the model could make them disagree.
"""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.errors import DataError
from teacherspec.metrics.retrieval import Paired, candidate_sets, largest_candidate_set
from teacherspec.metrics.softmax import log_softmax
from teacherspec.package.classification.soft_targets import (
    ROWS_PER_SHARD,
    content_sha256,
    data_card,
    side_by_side,
    strangers,
    up_to,
)
from teacherspec.package.resumable_shards import CONFIG, read_shards, shard_name
from teacherspec.predictions.retrieval import COMPARISON, Comparison
from teacherspec.runtime.atomic_io import read_json, write_parquet_parts, write_text
from teacherspec.splits import Split
from teacherspec.tasks.columns.row_schema import RowSchema

if TYPE_CHECKING:
    import pyarrow as pa

SCALE = "embeddings/scale.json"
"""File of `distill/` that says how cosines become logits."""

PREDICTED = ("image_of", "text_of", "image_embeds", "text_embeds")
DIGITS = 6


def pack_embedding_targets(
    splits: Sequence[Split], evaluated: Path, fields: RowSchema, target: Path
) -> dict[str, int]:
    """Write `distill/`: a data set of one configuration, `soft`, that `datasets.load_dataset` opens.

    Columns: `id`; the image and the text; `content_sha256` of the image; `image_of` and `text_of`, numbers
    that are equal where images or texts of the split are; `image_embeds` and `text_embeds` `[D]` float32, of
    length 1; `in_teacher_train`, whether the teacher was fitted on the row. `embeddings/scale.json` holds the
    factor of the cosines: `logits = logit_scale * image_embeds @ text_embeds.T + logit_bias`.

    Args:
        splits: the declared splits.
        evaluated: folder that `evaluate` left.
        fields: what a row of the task holds.
        target: folder to create.

    Returns:
        Split name → number of soft targets.

    Raises:
        DataError: rows and predictions of a split do not belong together.
    """
    for split in splits:
        predictions = evaluated / "predictions" / f"{split.name}.parquet"
        schema = _schema(fields, split, predictions)
        shards = max(1, -(-split.rows // ROWS_PER_SHARD))
        parts = _parts(split, predictions, fields, schema)
        for shard in range(shards):
            path = target / CONFIG / shard_name(split.name, shard, shards)
            write_parquet_parts(path, schema, up_to(parts, ROWS_PER_SHARD))
    (target / SCALE).parent.mkdir(parents=True)
    shutil.copyfile(evaluated / COMPARISON, target / SCALE)
    write_text(target / "README.md", data_card([split.name for split in splits], TEXT))
    return {split.name: split.rows for split in splits}


def _schema(fields: RowSchema, split: Split, predictions: Path) -> "pa.Schema":
    import pyarrow as pa
    import pyarrow.parquet as pq

    stored, predicted = (pq.read_schema(path) for path in (split.path, predictions))
    names = [field.name for field in fields.columns()]
    return pa.schema(
        [
            ("id", pa.string()),
            *((name, stored.field(name).type) for name in names),
            ("content_sha256", pa.string()),
            *((name, predicted.field(name).type) for name in PREDICTED),
            ("in_teacher_train", pa.bool_()),
        ]
    )


def _parts(split: Split, predictions: Path, fields: RowSchema, schema: "pa.Schema") -> "Iterator[pa.Table]":
    import pyarrow as pa

    content = [field.name for field in fields.content]
    for row, prediction, _ in side_by_side(split.path, predictions, None):
        if row["id"] != prediction["id"]:
            raise DataError(strangers(split, predictions))
        contents = zip(*(row[name].to_pylist() for name in content), strict=True)
        columns = {
            **{name: row[name] for name in ("id", *(field.name for field in fields.columns()))},
            "content_sha256": pa.array([content_sha256(one) for one in contents]),
            **{name: prediction[name] for name in PREDICTED},
            "in_teacher_train": pa.repeat(split.role == "train", len(row)),
        }
        yield pa.table([columns[name] for name in schema.names], names=schema.names).cast(schema)


def embedding_statistics(folder: Path, splits: Sequence[str]) -> dict[str, Any]:
    """What lies in `distill/` of a package, in bounded memory.

    Args:
        folder: the package.
        splits: names of the splits in `distill/`.

    Returns:
        `entropy`: split → mean entropy, nats, of the softmax over candidate sets of texts, drawn among rows
        that are read together; `out_of_fold` and `tokens`: None.
    """
    comparison = Comparison(**read_json(folder / "distill" / SCALE))
    entropy = {}
    for split in splits:
        total, count = 0.0, 0
        for batch in read_shards(folder / "distill", split, PREDICTED):
            pairs = pairs_of(batch)
            size = min(comparison.candidate_set_size, largest_candidate_set(pairs))
            logits = comparison.logit_scale * candidate_sets(pairs, size, comparison.seed)
            log_probs = log_softmax(logits)
            total -= float((np.exp(log_probs) * log_probs).sum())
            count += len(batch)
        entropy[split] = round(total / max(1, count), DIGITS)
    return {"entropy": entropy, "out_of_fold": None, "tokens": None}


def pairs_of(batch: "pa.RecordBatch") -> Paired:
    """The pairs of some soft targets."""

    def rows(name: str) -> npt.NDArray[np.float32]:
        flat: npt.NDArray[np.float32] = batch[name].flatten().to_numpy()
        return flat.reshape(len(batch), -1)

    numbers = (batch[name].to_numpy() for name in PREDICTED[:2])
    return Paired(rows("image_embeds"), rows("text_embeds"), *numbers)


TEXT = """\
# Soft targets

`load_dataset(".", "soft")` gives one row a pair: `id`, `image`, `text`, `content_sha256` (of the image),
`image_of`, `text_of`, `image_embeds`, `text_embeds` and `in_teacher_train`.

- `image_embeds` and `text_embeds` are where the teacher puts both, of length 1. By `embeddings/scale.json`
  the logits of any image for any texts are `logit_scale * image_embeds @ text_embeds.T + logit_bias`, raw, at
  temperature 1. Train a student to the vectors themselves, or to the softmax over the texts of a batch.
- Rows with equal `image_of` (`text_of`) have the same image (text) within their split: none of them is a
  negative of the other.
- Join with your own rows by `id` or `content_sha256`, never by position.
- Where `in_teacher_train` is true the teacher was fitted on the row.
- `test` is not here: compare students with the teacher on it.
"""
