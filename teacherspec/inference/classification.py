"""Inference for classification: the logits of a split."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.inference.finite_logits import refuse_non_finite
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.predictions.classification import Predictions
from teacherspec.tasks.shared.interfaces.capabilities import EmbeddedClasses

if TYPE_CHECKING:
    from datasets import Dataset

    from teacherspec.tasks.shared.interfaces.model import Inference


def predict(
    task: "Inference",
    model: Any,
    processor: Any,
    rows: "Dataset",
    batch_size: int,
    finished: Path | None = None,
) -> Predictions:
    """Logits of every row by row id; each of several processes computes its share and returns all.

    Args:
        task: the declared task.
        model: in eval mode.
        processor: tokenizer or image processor of the model.
        rows: a split as `prepare` left it.
        batch_size: examples per forward pass.
        finished: folder of finished shards, see `row_outputs`.

    Raises:
        DataError: there are no rows.
        UserError: a logit is not finite; the message names the row.
    """
    return _checked(row_outputs(task, task.logits, model, processor, rows, batch_size, finished), rows)


def predict_embedded(
    task: "Inference",
    embedded: EmbeddedClasses,
    model: Any,
    processor: Any,
    rows: "Dataset",
    batch_size: int,
    finished: Path | None = None,
) -> tuple[Predictions, npt.NDArray[np.float32]]:
    """The same with the embeddings `[N, D]` of the rows, by one forward pass.

    Args:
        task: the declared task.
        embedded: the same.
        model: in eval mode.
        processor: of the model.
        rows: a split as `prepare` left it.
        batch_size: examples per forward pass.
        finished: folder of finished shards, see `row_outputs`.

    Raises:
        DataError: there are no rows.
        UserError: a logit is not finite; the message names the row.
    """
    both = row_outputs(task, embedded.logits_and_embeddings, model, processor, rows, batch_size, finished)
    classes = len(model.config.id2label)
    return _checked(both[:, :classes], rows), both[:, classes:]


def _checked(logits: npt.NDArray[np.float32], rows: "Dataset") -> Predictions:
    ids = rows["id"][:]
    refuse_non_finite(ids, logits)
    return Predictions(ids=ids, labels=np.asarray(rows["label"][:], np.int32), logits=logits)
