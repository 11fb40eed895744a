"""Inference for regression: the scores of a split."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.inference.finite_logits import refuse_non_finite
from teacherspec.inference.row_outputs import row_outputs
from teacherspec.predictions.regression import ScorePredictions
from teacherspec.tasks.shared.regression_task import SCORE

if TYPE_CHECKING:
    from datasets import Dataset

    from teacherspec.tasks.shared.interfaces.model import Inference


def predict_scores(
    task: "Inference",
    model: Any,
    processor: Any,
    rows: "Dataset",
    batch_size: int,
    finished: Path | None = None,
) -> ScorePredictions:
    """The score of every row by row id; each of several processes computes its share and returns all.

    Args:
        task: the declared task.
        model: in eval mode.
        processor: of the model.
        rows: a split as `prepare` left it.
        batch_size: examples per forward pass.
        finished: folder of finished shards, see `row_outputs`.

    Raises:
        DataError: there are no rows.
        UserError: a score is not finite; the message names the row.
    """
    logits = row_outputs(task, task.logits, model, processor, rows, batch_size, finished)
    ids = rows["id"][:]
    refuse_non_finite(ids, logits)
    return ScorePredictions(ids, labels_of(rows), logits[:, 0])


def labels_of(rows: "Dataset") -> "np.typing.NDArray[np.float64]":
    """The scores `[N]` that rows of a split are labelled with; NaN where there is none."""
    return np.array([np.nan if value is None else value for value in rows[SCORE][:]], np.float64)
