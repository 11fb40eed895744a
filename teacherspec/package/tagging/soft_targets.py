"""Soft targets of token classification: the rows of declared splits with the logits of each word.

The logits are those that `evaluate` predicted, so that no second forward pass can make them disagree.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.package.aligned_rows import aligned_batches, write_split
from teacherspec.package.card.dataset_card import dataset_card
from teacherspec.package.features_metadata import schema_with_features
from teacherspec.package.package_inputs import PackageInputs
from teacherspec.package.provenance.content_hash import content_sha256
from teacherspec.runtime.atomic_io import write_text
from teacherspec.splits import Split
from teacherspec.tasks.shared.tagging_task import TaggingTask

if TYPE_CHECKING:
    import pyarrow as pa

OF_WORDS = ("word", "start", "end", "labels", "logits")
"""Columns with an entry for each word that the model reads."""


def write_targets(inputs: PackageInputs) -> dict[str, int]:
    """Write `distill/`: a data set of one configuration, `soft`, that `datasets.load_dataset` opens.

    Columns: `id`; the text or the tokens, and their spans or tags as prepared (null where the row has none);
    `content_sha256`, of the content as UTF-8; `words`, how many there are; for each word that the model reads
    its index `word`, its characters `start` to `end`, its tag in `labels` (-1 where the row has none), and
    `logits` `[C]` float32 at temperature 1; `in_teacher_train`, whether the teacher was fitted on the row.

    Returns:
        Split name → number of soft targets.

    Raises:
        DataError: rows and predictions of a split do not belong together.
    """
    task = inputs.task.require(TaggingTask)
    target = inputs.folder / "distill"
    for split in inputs.splits:
        predictions = inputs.stages.evaluated / "predictions" / f"{split.name}.parquet"
        schema = _schema(task, split)
        write_split(target, split, schema, _parts(task, split, predictions, schema))
    write_text(target / "README.md", dataset_card(target, (split.name for split in inputs.splits), TEXT))
    return {split.name: split.rows for split in inputs.splits}


def _schema(task: TaggingTask, split: Split) -> "pa.Schema":
    """The columns with the types that `datasets` reads back: names of the tags, logits of fixed length."""
    import pyarrow.parquet as pq
    from datasets import ClassLabel, Features, List, Value

    stored = Features.from_arrow_schema(pq.read_schema(split.path))
    columns = {
        "id": Value("string"),
        **{column.name: stored[column.name] for column in task.row_schema().columns()},
        "content_sha256": Value("string"),
        "words": Value("int32"),
        **{name: List(Value("int32")) for name in ("word", "start", "end")},
        "labels": List(ClassLabel(names=list(task.tags))),
        "logits": List(List(Value("float32"), length=len(task.tags))),
        "in_teacher_train": Value("bool"),
    }
    return schema_with_features(Features(columns))


def _parts(task: TaggingTask, split: Split, predictions: Path, schema: "pa.Schema") -> "Iterator[pa.Table]":
    """Tables of bounded size with the columns of `schema`."""
    import pyarrow as pa

    names = [column.name for column in task.row_schema().columns()]
    content = [column.name for column in task.row_schema().content]
    for row, prediction, _ in aligned_batches(split.path, predictions):
        contents = zip(*(row[name].to_pylist() for name in content), strict=True)
        of_words = _of_words(task, row, prediction)
        columns = {
            **{name: row[name] for name in ("id", *names)},
            "content_sha256": pa.array([content_sha256(values) for values in contents]),
            **{name: pa.array(values) for name, values in of_words.items()},
            "logits": prediction["logits"],
            "in_teacher_train": pa.repeat(split.role == "train", len(row)),
        }
        yield pa.table([columns[name] for name in schema.names], names=schema.names).cast(schema)


def _of_words(
    task: TaggingTask, rows: "pa.RecordBatch", predictions: "pa.RecordBatch"
) -> dict[str, list[Any]]:
    """`words`, and the numbers of each word that is read."""
    found: dict[str, list[Any]] = {name: [] for name in ("words", *OF_WORDS[:4])}
    given = zip(
        rows.to_pylist(), predictions["read"].to_pylist(), predictions["tags"].to_pylist(), strict=True
    )
    for row, read, tags in given:
        spans = task.words(row).spans
        chosen = [word for word, here in enumerate(read) if here]
        found["words"].append(len(spans))
        found["word"].append(chosen)
        found["start"].append([spans[word][0] for word in chosen])
        found["end"].append([spans[word][1] for word in chosen])
        found["labels"].append([tags[word] for word in chosen])
    return found


TEXT = """\
# Soft targets

`load_dataset(".", "soft")` gives one row a text: `id`, the content (`text` or `tokens`), its entities as
given (`spans` or `tags`), `content_sha256` (of the content as UTF-8), `words`, `word`, `start`, `end`,
`labels`, `logits` and `in_teacher_train`.

- `word`, `start`, `end`, `labels` and `logits` have one entry for each word that the teacher reads: its index
  among the `words` of the row, its characters in `text` (in `tokens` with a space between them), its tag, and
  the teacher's logits, raw, at temperature 1. For a distillation temperature t use `softmax(logits / t)`; for
  the teacher's calibrated probabilities see `../calibration/`. Never apply both temperatures.
- A word's logits are those of its first subword. Give a student's word the same, whatever its own subwords
are,
  and let its other subwords count nothing.
- Fewer entries than `words` mean words that the teacher does not read: text beyond its longest input, or
  characters that its tokenizer drops.
- Join with your own rows by `id` or `content_sha256`, never by position.
- Where `in_teacher_train` is true the teacher was fitted on the row and its logits may carry little beyond
the
  tags; prefer the other splits, or a higher temperature.
- Where `labels` are -1 nobody labelled the row.
- `test` is not here: compare students with the teacher on it.
"""
