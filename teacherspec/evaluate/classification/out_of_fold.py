"""Predictions of the train rows by the models of cross-fitting, none of which was trained on the row."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.evaluate.classification.metrics import quality
from teacherspec.metrics.loss_ratio import loss_ratio
from teacherspec.predictions.classification import Predictions

FILE = "out_of_fold.parquet"
"""In the output of `finetune`: `id` and `logits` of every train row, in the order of the split."""


def out_of_fold_metrics(
    finetuned: Path, predictions: Mapping[str, Predictions], **intervals: Any
) -> dict[str, Any]:
    """Quality of the train rows out of fold, and the loss ratio to them; nothing without cross-fitting.

    A teacher can bring its loss on rows that it was fitted on down to 0, which makes the usual ratio say
    how long it was trained and no more. Out-of-fold loss cannot be memorised: validation over it is about 1
    where the two splits are alike, and far above only where validation rows are harder than train rows.

    Args:
        finetuned: folder that `finetune` left.
        predictions: of the splits `train`, for its labels, and `validation`.
        intervals: level, resamples and seed.
    """
    import pyarrow.parquet as pq

    if not (finetuned / FILE).is_file():
        return {}
    table = pq.read_table(finetuned / FILE, columns=["id", "logits"])
    logits = np.stack(table["logits"].to_numpy()).astype(np.float32)
    own = Predictions(table["id"].to_pylist(), predictions["train"].labels, logits)
    measured = quality(own, **intervals)
    validation = quality(predictions["validation"], **intervals)["nll"]["value"]
    return {
        "out_of_fold": measured,
        "loss_ratio_out_of_fold": loss_ratio(validation, measured["nll"]["value"]),
    }
