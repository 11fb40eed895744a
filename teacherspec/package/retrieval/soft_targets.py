"""Soft targets of retrieval: the rows of declared splits with the teacher's embeddings of image and text.

The embeddings are those that `evaluate` predicted, so that no second forward pass can make them disagree.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.retrieval import Paired
from teacherspec.package.aligned_rows import aligned_batches, write_split
from teacherspec.package.card.dataset_card import dataset_card
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.package.provenance.content_hash import content_sha256
from teacherspec.predictions.retrieval import COMPARISON, Comparison
from teacherspec.runtime.atomic_io import read_json, write_text
from teacherspec.splits import Split
from teacherspec.tasks.shared.columns.row_schema import RowSchema

if TYPE_CHECKING:
    import pyarrow as pa

SCALE = "embeddings/scale.json"
"""File of `distill/` with the factor from cosines to logits."""

PREDICTED = ("image_of", "text_of", "image_embeds", "text_embeds")


def write_targets(inputs: PackageInputs) -> dict[str, int]:
    """Write `distill/`: a data set of one configuration, `soft`, that `datasets.load_dataset` opens.

    Columns: `id`; the image and the text; `content_sha256` of the image; `image_of` and `text_of`, numbers
    that are equal where images or texts of the split are; `image_embeds` and `text_embeds` `[D]` float32, of
    length 1; `in_teacher_train`, whether the teacher was fitted on the row. `embeddings/scale.json` holds the
    factor of the cosines: `logits = logit_scale * image_embeds @ text_embeds.T + logit_bias`.

    Returns:
        Split name → number of soft targets.

    Raises:
        DataError: rows and predictions of a split do not belong together.
    """
    row_schema, evaluated, target = (
        inputs.task.row_schema(),
        inputs.stages.evaluated,
        inputs.folder / "distill",
    )
    for split in inputs.splits:
        predictions = evaluated / "predictions" / f"{split.name}.parquet"
        schema = _schema(row_schema, split, predictions)
        write_split(target, split, schema, _parts(split, predictions, row_schema, schema))
    (target / SCALE).parent.mkdir(parents=True)
    shutil.copyfile(evaluated / COMPARISON, target / SCALE)
    write_text(target / "README.md", dataset_card(target, (split.name for split in inputs.splits), TEXT))
    return {split.name: split.rows for split in inputs.splits}


def _schema(row_schema: RowSchema, split: Split, predictions: Path) -> "pa.Schema":
    import pyarrow as pa
    import pyarrow.parquet as pq

    stored, predicted = (pq.read_schema(path) for path in (split.path, predictions))
    names = [column.name for column in row_schema.columns()]
    return pa.schema(
        [
            ("id", pa.string()),
            *((name, stored.field(name).type) for name in names),
            ("content_sha256", pa.string()),
            *((name, predicted.field(name).type) for name in PREDICTED),
            ("in_teacher_train", pa.bool_()),
        ]
    )


def _parts(
    split: Split, predictions: Path, row_schema: RowSchema, schema: "pa.Schema"
) -> "Iterator[pa.Table]":
    """Tables of bounded size with the columns of `schema`."""
    import pyarrow as pa

    content = [column.name for column in row_schema.content]
    for row, prediction, _ in aligned_batches(split.path, predictions):
        contents = zip(*(row[name].to_pylist() for name in content), strict=True)
        columns = {
            **{name: row[name] for name in ("id", *(column.name for column in row_schema.columns()))},
            "content_sha256": pa.array([content_sha256(values) for values in contents]),
            **{name: prediction[name] for name in PREDICTED},
            "in_teacher_train": pa.repeat(split.role == "train", len(row)),
        }
        yield pa.table([columns[name] for name in schema.names], names=schema.names).cast(schema)


def load_scale(package: Path) -> Comparison:
    """How the cosines of a package's embeddings become logits."""
    return Comparison(**read_json(package / "distill" / SCALE))


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

- `image_embeds` and `text_embeds` are the teacher's embeddings of both, of length 1. By
  `embeddings/scale.json` the logits of any image for any texts are
  `logit_scale * image_embeds @ text_embeds.T + logit_bias`, raw, at temperature 1. Train a student to the
  vectors themselves, or to the softmax over the texts of a batch.
- Rows with equal `image_of` (`text_of`) have the same image (text) within their split: none of them is a
  negative of the other.
- Join with your own rows by `id` or `content_sha256`, never by position.
- Where `in_teacher_train` is true the teacher was fitted on the row.
- `test` is not here: compare students with the teacher on it.
"""
