"""Soft targets of a classifier: the rows of declared splits with the teacher's logits at temperature 1.

The logits are those that `evaluate` predicted, so that no second forward pass can make them disagree.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from teacherspec.package.aligned_rows import aligned_batches, write_split
from teacherspec.package.card.dataset_card import dataset_card
from teacherspec.package.classification.ensemble import LOG_PROBS, UNCERTAINTIES, ensemble_file, ensemble_part
from teacherspec.package.features_metadata import schema_with_features
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.package.provenance.content_hash import content_sha256
from teacherspec.runtime.atomic_io import write_text
from teacherspec.splits import Prepared, Split

if TYPE_CHECKING:
    import pyarrow as pa

OUT_OF_FOLD = "out_of_fold.parquet"
"""File of the cross-fitted logits next to the fine-tuned model."""

FOLD, OUT_OF_FOLD_LOGITS = "fold", "out_of_fold_logits"
"""Columns that only cross-fitting adds."""


def write_targets(inputs: PackageInputs) -> dict[str, int]:
    """Write `distill/`: a data set of one configuration, `soft`, that `datasets.load_dataset` opens.

    Columns: `id`; the task's content columns; `content_sha256`, of the content as UTF-8; `label` (-1 where
    the row has none); the columns that describe it, as prepared (null there); `logits` `[C]` float32 at
    temperature 1; `in_teacher_train`, whether the teacher was fitted on the row, so that its logits may carry
    little beyond the label. After cross-fitting also `fold` (-1 where the teacher was not fitted on the row)
    and `out_of_fold_logits` `[C]`, of a model trained without the row's fold (null there). With an ensemble
    also `ensemble_log_probs` `[C]`, the logarithm of the mean probability of these models, and the parts of
    its entropy `aleatoric` and `epistemic`, nats; null on train rows. `logits` stay those of the packaged
    model on every row.

    Returns:
        Split name → number of soft targets.

    Raises:
        DataError: rows and predictions of a split do not belong together.
    """
    out_of_fold = inputs.stages.finetuned / OUT_OF_FOLD
    cross_fitted = out_of_fold.is_file()
    names = [column.name for column in inputs.task.row_schema().content]
    ensembled = {split.name: ensemble_file(inputs.stages.finetuned, split.name) for split in inputs.splits}
    ensembled = {name: file for name, file in ensembled.items() if file.is_file()}
    schema = _schema(
        names,
        inputs.outputs.prepared,
        inputs.splits[0],
        cross_fitted=cross_fitted,
        ensembled=bool(ensembled),
    )
    target = inputs.folder / "distill"
    for split in inputs.splits:
        predictions = inputs.stages.evaluated / "predictions" / f"{split.name}.parquet"
        other = out_of_fold if cross_fitted and split.role == "train" else ensembled.get(split.name)
        write_split(target, split, schema, _parts(split, predictions, other, names, schema))
    write_text(target / "README.md", dataset_card(target, (split.name for split in inputs.splits), TEXT))
    return {split.name: split.rows for split in inputs.splits}


def _schema(
    content: list[str], prepared: Prepared, split: Split, *, cross_fitted: bool, ensembled: bool
) -> "pa.Schema":
    """The columns with the types that `datasets` reads back: label names, and logits of fixed length."""
    import pyarrow.parquet as pq
    from datasets import ClassLabel, Features, List, Value

    stored = Features.from_arrow_schema(pq.read_schema(split.path))
    columns = {
        "id": Value("string"),
        **{name: stored[name] for name in content},
        "content_sha256": Value("string"),
        "label": ClassLabel(names=list(prepared.label_names)),
        **{name: stored[name] for name in prepared.label_details},
        "logits": List(Value("float32"), length=len(prepared.label_names)),
        "in_teacher_train": Value("bool"),
    }
    if cross_fitted:
        columns |= {FOLD: Value("int8"), OUT_OF_FOLD_LOGITS: columns["logits"]}
    if ensembled:
        columns |= {LOG_PROBS: columns["logits"], **dict.fromkeys(UNCERTAINTIES, Value("float32"))}
    return schema_with_features(Features(columns))


def _parts(
    split: Split, predictions: Path, others: Path | None, content: list[str], schema: "pa.Schema"
) -> "Iterator[pa.Table]":
    """Tables of bounded size with the columns of `schema`.

    Args:
        split: the rows.
        predictions: of the packaged model.
        others: of the models of cross-fitting: out of fold for train rows, of all of them for other rows.
        content: columns of the content.
        schema: of the tables.
    """
    import pyarrow as pa

    for row, prediction, other in aligned_batches(split.path, predictions, others):
        contents = zip(*(row[name].to_pylist() for name in content), strict=True)
        columns = {
            **{name: row[name] for name in schema.names if name in row.schema.names},
            "content_sha256": pa.array([content_sha256(values) for values in contents]),
            "label": prediction["label"],
            "logits": prediction["logits"],
            "in_teacher_train": pa.repeat(split.role == "train", len(row)),
        }
        in_train = other is not None and FOLD in other.schema.names
        if FOLD in schema.names:
            nulls = pa.nulls(len(row), prediction["logits"].type)
            columns[FOLD] = other[FOLD] if in_train else pa.repeat(-1, len(row))
            columns[OUT_OF_FOLD_LOGITS] = other["logits"] if in_train else nulls
        if LOG_PROBS in schema.names:
            columns |= ensemble_part(None if in_train else other, len(row), schema)
        yield pa.table([columns[name] for name in schema.names], names=schema.names).cast(schema)


TEXT = """\
# Soft targets

`load_dataset(".", "soft")` gives one row an example: `id`, the content, `content_sha256` (of the content as
UTF-8), `label`, `logits` and `in_teacher_train`.

- `logits` are the teacher's, raw, at temperature 1. For a distillation temperature t use
  `softmax(logits / t)`; for the teacher's calibrated probabilities see `../calibration/`. Never apply both
  temperatures.
- Join with your own rows by `id` or `content_sha256`, never by position.
- Where `in_teacher_train` is true the teacher was fitted on the row and its logits may carry little beyond
  the label; prefer `out_of_fold_logits` where there are some (from a model that was trained without the
  row's `fold`; null on other splits), the other splits, or a higher temperature.
- Where the targets have `ensemble_log_probs`, they are the logarithm of the mean probability of the models of
  cross-fitting, on rows that none of them has seen; use them in place of `logits`, at temperature t as
  `softmax(ensemble_log_probs / t)`. Their entropy is `aleatoric` (mean entropy of the models: what each of
  them leaves open) plus `epistemic` (mutual information of class and model: where they disagree, because
  they have seen too little of such rows), in nats. They are null on train rows.
- Where `label` is -1 the row has none.
- `test` is not here: compare students with the teacher on it.
"""
