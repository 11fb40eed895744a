"""Soft targets of regression: the rows of declared splits with the teacher's scores.

The scores are those that `evaluate` predicted, so that no second forward pass can make them disagree.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from teacherspec.calibrators.score_interval import ScoreInterval, parse_score_interval
from teacherspec.package.aligned_rows import aligned_batches, write_split
from teacherspec.package.card.dataset_card import dataset_card
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.package.provenance.content_hash import content_sha256
from teacherspec.runtime.atomic_io import write_text
from teacherspec.splits import Split
from teacherspec.tasks.shared.regression_task import SCORE

if TYPE_CHECKING:
    import pyarrow as pa

TEACHER_SCORE = "teacher_score"


def write_targets(inputs: PackageInputs) -> dict[str, int]:
    """Write `distill/`: a data set of one configuration, `soft`, that `datasets.load_dataset` opens.

    Columns: `id`; the content; `content_sha256`; `score`, null where the row has none; `logits` `[1]`, the
    model's score as it is; `teacher_score`, as calibrated; `in_teacher_train`, whether the teacher was fitted
    on the row.

    Returns:
        Split name → number of soft targets.

    Raises:
        DataError: rows and predictions of a split do not belong together.
    """
    target = inputs.folder / "distill"
    interval = parse_score_interval(inputs.outputs.calibration["calibrator"])
    content = [column.name for column in inputs.task.row_schema().content]
    for split in inputs.splits:
        predictions = inputs.stages.evaluated / "predictions" / f"{split.name}.parquet"
        schema = _schema(content)
        write_split(target, split, schema, _parts(split, predictions, content, schema, interval))
    write_text(target / "README.md", dataset_card(target, (split.name for split in inputs.splits), TEXT))
    return {split.name: split.rows for split in inputs.splits}


def _schema(content: list[str]) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema(
        [
            ("id", pa.string()),
            *((name, pa.string()) for name in content),
            ("content_sha256", pa.string()),
            (SCORE, pa.float64()),
            ("logits", pa.list_(pa.float32(), 1)),
            (TEACHER_SCORE, pa.float64()),
            ("in_teacher_train", pa.bool_()),
        ]
    )


def _parts(
    split: Split, predictions: Path, content: list[str], schema: "pa.Schema", interval: ScoreInterval
) -> "Iterator[pa.Table]":
    """Tables of bounded size with the columns of `schema`."""
    import pyarrow as pa

    for row, prediction, _ in aligned_batches(split.path, predictions):
        contents = zip(*(row[name].to_pylist() for name in content), strict=True)
        scores = [value[0] for value in prediction["logits"].to_pylist()]
        columns = {
            **{name: row[name] for name in ("id", *content)},
            "content_sha256": pa.array([content_sha256(values) for values in contents]),
            SCORE: prediction["label"],
            "logits": prediction["logits"],
            TEACHER_SCORE: pa.array(interval.corrected(scores)),
            "in_teacher_train": pa.repeat(split.role == "train", len(row)),
        }
        yield pa.table([columns[name] for name in schema.names], names=schema.names).cast(schema)


TEXT = """\
# Soft targets

`load_dataset(".", "soft")` gives one row an example: `id`, the content, `content_sha256` (of the content as
UTF-8), `score`, `logits`, `teacher_score` and `in_teacher_train`.

- `teacher_score` is the teacher's score, calibrated as `../calibration/` says: train a student to it by the
  squared error. `logits` `[1]` is the score as the packaged model gives it.
- `score` is that of the row; null where nobody gave one.
- Join with your own rows by `id` or `content_sha256`, never by position.
- Where `in_teacher_train` is true the teacher was fitted on the row: its score is close to the row's.
- `test` is not here: compare students with the teacher on it.
"""
