"""The model over a split, once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.errors import DataError, UserError
from teacherspec.predictions.classification import Predictions
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.device_placement import place
from teacherspec.runtime.length_batches import longest_first
from teacherspec.tasks.base import ModelInit

if TYPE_CHECKING:
    from datasets import Dataset

    from teacherspec.tasks.base import Kind


def predict(task: "Kind", model: Any, processor: Any, rows: "Dataset", batch_size: int) -> Predictions:
    """Logits of every row, keyed by row id; of several processes each computes its share, and has all.

    Rows are batched by length where they have one, longest first (so memory is known at the first batch),
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

    if len(rows) == 0:
        raise DataError("prepare: a split without rows cannot be predicted; declare rows for it or drop it")
    encoded = task.encode(processor, rows)
    collate = task.collate(processor)
    parts = []
    batches = longest_first(len(rows), task.lengths(encoded), batch_size)
    loader = torch.utils.data.DataLoader(
        encoded,
        batch_sampler=distributed.shard(batches),
        collate_fn=collate,
        num_workers=machine.workers() if task.decodes else 0,
    )
    with torch.inference_mode():
        for examples in loader:
            batch = to_device(examples, model.device)
            logits = task.logits(model, {key: value for key, value in batch.items() if key != "labels"})
            parts.append(logits.float().cpu().numpy())
    found = np.concatenate(distributed.all_gather(parts))[np.argsort(np.concatenate(batches))]
    ids = rows["id"][:]
    if bad := np.flatnonzero(~np.isfinite(found).all(axis=1)).tolist():
        raise UserError(
            f"evaluate: the model's logits for row {ids[bad[0]]} are not finite ({len(bad)} such rows of "
            f"{len(ids)}); the weights are broken or overflow: fine-tune again with a lower learning rate"
        )
    return Predictions(ids=ids, labels=np.asarray(rows["label"], np.int32), logits=found)


def to_device(batch: Mapping[str, Any], device: Any) -> dict[str, Any]:
    """The batch's tensors on `device`."""
    return {key: value.to(device) for key, value in batch.items()}


def load_model(task: "Kind", folder: Path) -> tuple[Any, Any]:
    """The fine-tuned model on this machine's devices, in eval mode, and its processor."""
    model, processor = task.load(folder)
    return place(model), processor


def load_untrained(task: "Kind", folder: Path, label_names: Sequence[str]) -> tuple[Any, Any]:
    """The base as fine-tuning starts from it, on this machine's devices, and its processor."""
    model, processor = task.load_base(folder, label_names, ModelInit())
    return place(model), processor
