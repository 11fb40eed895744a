"""Predictions of the train rows by the models of cross-fitting, none of which was trained on the row."""

from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.evaluate.classification.metrics import quality
from teacherspec.metrics.loss_ratio import loss_ratio
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.predictions.classification import Predictions

FILE = "out_of_fold.parquet"
"""In the output of `finetune`: `id` and `logits` of every train row, in the order of the split."""


def load_out_of_fold(finetuned: Path, train: Predictions) -> Predictions | None:
    """The predictions of train rows out of fold; None without cross-fitting.

    Args:
        finetuned: folder that `finetune` left.
        train: predictions of the same rows by the teacher, for what is known of their labels.
    """
    import pyarrow.parquet as pq

    if not (finetuned / FILE).is_file():
        return None
    table = pq.read_table(finetuned / FILE, columns=["id", "logits"])
    logits = np.stack(table["logits"].to_numpy()).astype(np.float32)
    return Predictions(table["id"].to_pylist(), train.labels, logits, train.weights, train.label_probs)


def out_of_fold_metrics(
    unseen: Predictions | None, validation: Predictions, **intervals: Any
) -> dict[str, Any]:
    """Quality of the train rows out of fold, and the loss ratio to them; nothing without cross-fitting.

    A teacher can bring its loss on rows that it was fitted on down to 0, which makes the usual ratio say
    how long it was trained and no more. Out-of-fold loss cannot be memorised: validation over it is about 1
    where the two splits are alike, and far above only where validation rows are harder than train rows.

    Args:
        unseen: predictions of train rows out of fold.
        validation: predictions of the teacher.
        intervals: level, resamples and seed.
    """
    if unseen is None:
        return {}
    measured = quality(unseen, **intervals)
    ratio = loss_ratio(nll(validation.logits, validation.labels), measured["nll"]["value"])
    return {"out_of_fold": measured, "loss_ratio_out_of_fold": ratio}
