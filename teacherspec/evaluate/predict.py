"""The model over a split, once."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.predictions import Predictions

if TYPE_CHECKING:
    from datasets import Dataset

    from teacherspec.tasks import Task


def predict(task: "Task", model: Any, processor: Any, rows: "Dataset", batch_size: int) -> Predictions:
    """Logits of every row, keyed by row id.

    Rows are batched by length, longest first (so memory is known at the first batch), and put back in
    the order of the split: results never depend on the order of computation.

    Args:
        task: the declared task.
        model: in eval mode.
        processor: tokenizer or image processor of the model.
        rows: a split as `prepare` left it.
        batch_size: examples per forward pass.

    Raises:
        ValueError: a logit is not finite; the message names the row.
    """
    import torch

    encoded = task.encode(processor, rows)
    collate = task.collate(processor)
    order = np.argsort(-np.asarray(encoded["length"]), kind="stable")
    logits: np.ndarray[Any, np.dtype[np.float32]] | None = None
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            indices = order[start : start + batch_size].tolist()
            batch = to_device(collate([encoded[i] for i in indices]), model.device)
            outputs = model(**{key: value for key, value in batch.items() if key != "labels"})
            part = outputs.logits.float().cpu().numpy()
            if logits is None:
                logits = np.empty((len(order), part.shape[1]), np.float32)
            logits[indices] = part
    if logits is None:
        raise ValueError("no rows to predict")
    bad = np.flatnonzero(~np.isfinite(logits).all(1))
    if len(bad):
        raise ValueError(f"row {rows[int(bad[0])]['id']}: logits are not finite ({len(bad)} such rows)")
    return Predictions(ids=rows["id"][:], labels=np.asarray(encoded["labels"], np.int32), logits=logits)


def to_device(batch: Mapping[str, Any], device: Any) -> dict[str, Any]:
    """The batch's tensors on `device`."""
    return {key: value.to(device) for key, value in batch.items()}


def load_model(task: "Task", folder: Path) -> tuple[Any, Any]:
    """The fine-tuned model on the best device of this machine, in eval mode, and its processor."""
    import torch

    from teacherspec import machine

    model, processor = task.load(folder)
    return model.to(torch.device("cuda" if machine.has_accelerator() else "cpu")), processor
