"""Inference for classification: the logits of a split."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.errors import UserError
from teacherspec.inference.batch_loader import batch_loader, check_not_empty
from teacherspec.predictions.classification import Predictions
from teacherspec.runtime import distributed
from teacherspec.runtime.length_batches import longest_first

if TYPE_CHECKING:
    from datasets import Dataset

    from teacherspec.tasks.shared.interfaces.model import Inference


def predict(task: "Inference", model: Any, processor: Any, rows: "Dataset", batch_size: int) -> Predictions:
    """Logits of every row by row id; each of several processes computes its share and returns all.

    Rows are batched by length where they have one, longest first (so the first batch needs the most memory),
    and put back in the order of the split: results never depend on the order of computation.

    Args:
        task: the declared task.
        model: in eval mode.
        processor: tokenizer or image processor of the model.
        rows: a split as `prepare` left it.
        batch_size: examples per forward pass.

    Raises:
        DataError: there are no rows.
        UserError: a logit is not finite; the message names the row.
    """
    import torch

    check_not_empty(rows)
    encoded = task.encode(processor, rows)
    parts = []
    batches = longest_first(len(rows), task.lengths(encoded), batch_size)
    loader = batch_loader(task, processor, encoded, batches)
    with torch.inference_mode():
        for examples in loader:
            batch = to_device(examples, model.device)
            outputs = task.logits(model, {key: value for key, value in batch.items() if key != "labels"})
            parts.append(outputs.float().cpu().numpy())
    logits = np.concatenate(distributed.all_gather(parts))[np.argsort(np.concatenate(batches))]
    ids = rows["id"][:]
    if bad := np.flatnonzero(~np.isfinite(logits).all(axis=1)).tolist():
        raise UserError(
            f"evaluate: the model's logits for row {ids[bad[0]]} are not finite ({len(bad)} such rows of "
            f"{len(ids)}); the weights are broken or overflow: fine-tune again with a lower learning rate"
        )
    return Predictions(ids=ids, labels=np.asarray(rows["label"], np.int32), logits=logits)


def to_device(batch: Mapping[str, Any], device: Any) -> dict[str, Any]:
    """The batch's tensors on `device`."""
    return {key: value.to(device) for key, value in batch.items()}
