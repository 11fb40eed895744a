"""One output vector of a model for each row of a split."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.inference.batch_loader import batch_loader, check_not_empty
from teacherspec.runtime import distributed
from teacherspec.runtime.length_batches import longest_first

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

    from teacherspec.tasks.shared.interfaces.model import Batch, Inference


def row_outputs(
    task: "Inference",
    method: "Callable[[Any, Batch], torch.Tensor]",
    model: Any,
    processor: Any,
    rows: "Dataset",
    batch_size: int,
) -> npt.NDArray[np.float32]:
    """What `method` gives for every row; each of several processes computes its share and returns all.

    Rows are batched by length where they have one, longest first (so the first batch needs the most memory),
    and put back in the order of the split: results never depend on the order of computation.

    Args:
        task: the declared task.
        method: of the task, such as `logits` or `features`: model and a batch without labels → `[B, H]`.
        model: in eval mode.
        processor: of the model.
        rows: a split as `prepare` left it.
        batch_size: examples per forward pass.

    Returns:
        `[N, H]` in the order of the rows.

    Raises:
        DataError: there are no rows.
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
            outputs = method(model, {key: value for key, value in batch.items() if key != "labels"})
            parts.append(outputs.float().cpu().numpy())
    in_batches: npt.NDArray[np.float32] = np.concatenate(distributed.all_gather(parts))
    return in_batches[np.argsort(np.concatenate(batches))]


def to_device(batch: Mapping[str, Any], device: Any) -> dict[str, Any]:
    """The batch's tensors on `device`."""
    return {key: value.to(device) for key, value in batch.items()}
