"""Inference for multi-label tasks: the logits of a split."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.inference.finite_logits import refuse_non_finite
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.predictions.multi_label import UNKNOWN, LabelPredictions

if TYPE_CHECKING:
    from datasets import Dataset

    from teacherspec.tasks.shared.interfaces.model import Inference


def predict_labels(
    task: "Inference",
    model: Any,
    processor: Any,
    rows: "Dataset",
    batch_size: int,
    finished: Path | None = None,
) -> LabelPredictions:
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
    logits = row_outputs(task, task.logits, model, processor, rows, batch_size, finished)
    ids = rows["id"][:]
    refuse_non_finite(ids, logits)
    return LabelPredictions(ids, given_labels(rows, logits.shape[1]), logits)


def given_labels(rows: "Dataset", classes: int) -> npt.NDArray[np.int8]:
    """Labels `[N, C]` of rows as zeros and ones; `UNKNOWN` where they are not known."""
    none = [UNKNOWN] * classes
    return np.array([none if one is None else one for one in rows["labels"][:]], np.int8)
