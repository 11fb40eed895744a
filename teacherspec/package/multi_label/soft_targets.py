"""Soft targets of a multi-label teacher: the rows of declared splits with its logits at temperature 1.

The logits are those that `evaluate` predicted, so that no second forward pass can make them disagree.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from teacherspec.package.aligned_rows import aligned_batches, write_split
from teacherspec.package.card.dataset_card import dataset_card
from teacherspec.package.features_metadata import schema_with_features
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.package.provenance.content_hash import content_sha256
from teacherspec.runtime.atomic_io import write_text
from teacherspec.splits import Prepared, Split

if TYPE_CHECKING:
    import pyarrow as pa


def write_targets(inputs: PackageInputs) -> dict[str, int]:
    """Write `distill/`: a data set of one configuration, `soft`, that `datasets.load_dataset` opens.

    Columns: `id`; the task's content columns; `content_sha256`, of the content as UTF-8; `labels` `[C]`,
    zeros and ones (-1 throughout where they are not known); `logits` `[C]` float32 at temperature 1;
    `in_teacher_train`, whether the teacher was fitted on the row.

    Returns:
        Split name → number of soft targets.

    Raises:
        DataError: rows and predictions of a split do not belong together.
    """
    names = [column.name for column in inputs.task.row_schema().content]
    schema = _schema(names, inputs.outputs.prepared, inputs.splits[0])
    target = inputs.folder / "distill"
    for split in inputs.splits:
        predictions = inputs.stages.evaluated / "predictions" / f"{split.name}.parquet"
        write_split(target, split, schema, _parts(split, predictions, names, schema))
    write_text(target / "README.md", dataset_card(target, (split.name for split in inputs.splits), TEXT))
    return {split.name: split.rows for split in inputs.splits}


def _schema(content: list[str], prepared: Prepared, split: Split) -> "pa.Schema":
    """The columns with the types that `datasets` reads back."""
    import pyarrow.parquet as pq
    from datasets import Features, List, Value

    stored = Features.from_arrow_schema(pq.read_schema(split.path))
    count = len(prepared.label_names)
    columns = {
        "id": Value("string"),
        **{name: stored[name] for name in content},
        "content_sha256": Value("string"),
        "labels": List(Value("int8"), length=count),
        "logits": List(Value("float32"), length=count),
        "in_teacher_train": Value("bool"),
    }
    return schema_with_features(Features(columns))


def _parts(split: Split, predictions: Path, content: list[str], schema: "pa.Schema") -> "Iterator[pa.Table]":
    """Tables of bounded size with the columns of `schema`."""
    import pyarrow as pa

    for row, prediction, _ in aligned_batches(split.path, predictions):
        contents = zip(*(row[name].to_pylist() for name in content), strict=True)
        columns = {
            **{name: row[name] for name in ("id", *content)},
            "content_sha256": pa.array([content_sha256(values) for values in contents]),
            "labels": prediction["labels"],
            "logits": prediction["logits"],
            "in_teacher_train": pa.repeat(split.role == "train", len(row)),
        }
        yield pa.table([columns[name] for name in schema.names], names=schema.names).cast(schema)


TEXT = """\
# Soft targets

`load_dataset(".", "soft")` gives one row an example: `id`, the content, `content_sha256` (of the content as
UTF-8), `labels`, `logits` and `in_teacher_train`.

- `logits` are the teacher's, raw, at temperature 1, one a label: the label names in their order are
  `label_names` of `../metadata.json`. Labels do not exclude each other: the probability of each is the
  sigmoid of its logit, and no softmax is taken over them.
- Train a student by binary cross-entropy to these probabilities, label by label. At a distillation
  temperature t it is `t * t * binary_cross_entropy_with_logits(student / t, sigmoid(logits / t))`, whose
  minimum is at the teacher's logits at every t. For calibrated probabilities and for the thresholds from
  which labels are predicted see `../calibration/`. Never apply both temperatures.
- `labels` are the given labels as zeros and ones in the same order; -1 throughout where they are not known.
- Join with your own rows by `id` or `content_sha256`, never by position.
- Where `in_teacher_train` is true the teacher was fitted on the row and its logits may carry little beyond
  the labels; prefer the other splits, or a higher temperature.
- `test` is not here: compare students with the teacher on it.
"""
