"""Logits of rows sent for inference, batched by length."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.runtime.length_batches import least_padding
from teacherspec.serving.requests import with_images
from teacherspec.tasks.shared.interfaces.kind import Kind


def logits_of(
    task: Kind, loaded: tuple[Any, Any], rows: Sequence[Mapping[str, Any]], columns: int, batch_size: int
) -> npt.NDArray[np.float32]:
    """Raw logits `[N, C]` of rows with the task's content columns, in their order.

    Args:
        task: the declared task.
        loaded: model in eval mode and its processor.
        rows: N rows; those of similar length share a batch.
        columns: C.
        batch_size: rows per forward pass, at most.
    """
    import torch

    model, processor = loaded
    logits = np.empty((len(rows), columns), np.float32)
    for chosen in least_padding(len(rows), task.row_lengths(processor, rows), batch_size):
        batch = task.batch(processor, [with_images(task, rows[at]) for at in chosen])
        with torch.inference_mode():
            inputs = {name: tensor.to(model.device) for name, tensor in batch.items()}
            logits[chosen] = task.logits(model, inputs).float().cpu().numpy()
    return logits
