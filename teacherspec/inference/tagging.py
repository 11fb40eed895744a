"""Inference for token classification: the logits or features of each word of a split."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from teacherspec.errors import UserError
from teacherspec.inference.batch_loader import batch_loader, check_not_empty
from teacherspec.inference.row_outputs import to_device
from teacherspec.predictions.tagging import NO_TAG, TagPredictions
from teacherspec.runtime import distributed
from teacherspec.runtime.length_batches import least_padding
from teacherspec.tasks.shared.tagging_task import IGNORE_INDEX, TaggingTask

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

    from teacherspec.tasks.shared.interfaces.model import Batch


class WordOutputs(NamedTuple):
    """What a model gives for the words of N rows that it reads.

    Attributes:
        words: `[N]` words of each row; W together.
        tags: `[W]` as `TagPredictions` has them.
        read: `[W]` which of them the model reads.
        values: `[T, H]`, of the words that are read.
    """

    words: npt.NDArray[np.int64]
    tags: npt.NDArray[np.int32]
    read: npt.NDArray[np.bool_]
    values: npt.NDArray[np.float32]


def predict_tags(
    task: TaggingTask, model: Any, processor: Any, rows: "Dataset", batch_size: int
) -> TagPredictions:
    """The logits of every word by row; each of several processes computes its share and returns all.

    Args:
        task: the declared task.
        model: in eval mode.
        processor: tokenizer of the model.
        rows: a split as `prepare` left it.
        batch_size: rows per forward pass.

    Raises:
        DataError: there are no rows.
        UserError: a logit is not finite; the message names the row.
    """
    ids = rows["id"][:]
    found = TagPredictions(ids, *word_outputs(task, task.logits, model, processor, rows, batch_size))
    if len(broken := found.row[~np.isfinite(found.logits).all(axis=1)]):
        raise UserError(
            f"the model's logits for row {ids[broken[0]]} are not finite ({len(broken)} such words); the "
            "weights are broken or overflow: fine-tune again with a lower learning rate"
        )
    return found


def word_outputs(
    task: TaggingTask,
    method: "Callable[[Any, Batch], torch.Tensor]",
    model: Any,
    processor: Any,
    rows: "Dataset",
    batch_size: int,
) -> WordOutputs:
    """What `method` gives at the first subword of every word that the model reads.

    Args:
        task: the declared task.
        method: of the task: model and a batch without labels → `[B, L, H]`.
        model: in eval mode.
        processor: of the model.
        rows: a split as `prepare` left it.
        batch_size: rows per forward pass.

    Raises:
        DataError: there are no rows.
    """
    import torch

    check_not_empty(rows)
    encoded = task.encode(processor, rows)
    batches = least_padding(len(rows), task.lengths(encoded), batch_size)
    parts = []
    with torch.inference_mode():
        for examples in batch_loader(task, processor, encoded, batches):
            batch = to_device(examples, model.device)
            outputs = method(model, {key: value for key, value in batch.items() if key != "labels"})
            first = examples["labels"] != IGNORE_INDEX
            values = outputs.float().cpu()
            parts.append([values[at][first[at]].numpy() for at in range(len(values))])
    ordered = dict(
        zip(
            np.concatenate([np.asarray(one, np.int64) for one in batches]).tolist(),
            (row for part in distributed.all_gather(parts) for row in part),
            strict=True,
        )
    )
    return _by_word(task, rows, encoded["words"][:], [ordered[row] for row in range(len(rows))])


def _by_word(
    task: TaggingTask,
    rows: "Dataset",
    words_read: list[list[int]],
    values: list[npt.NDArray[np.float32]],
) -> WordOutputs:
    words, tags, read = [], [], []
    for row, indices in zip(rows, words_read, strict=True):
        count = len(task.words(row).spans)
        given = task.word_tags(row)
        here = np.zeros(count, np.bool_)
        here[indices] = True
        words.append(count)
        read.append(here)
        tags.append(np.full(count, NO_TAG, np.int32) if given is None else np.asarray(given, np.int32))
    return WordOutputs(
        np.asarray(words, np.int64), np.concatenate(tags), np.concatenate(read), np.concatenate(values)
    )
