"""One output vector of a model for each row of a split."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from teacherspec.inference.batch_loader import batch_loader, check_not_empty
from teacherspec.runtime import distributed, machine
from teacherspec.runtime.atomic_io import replacing
from teacherspec.runtime.length_batches import least_padding
from teacherspec.runtime.progress import with_progress

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

    from teacherspec.tasks.shared.interfaces.model import Batch, Inference

ROWS_PER_SHARD = 8_192
"""Rows that are encoded and batched together: enough to fill batches with rows of one length, few enough for
memory, and for little to be lost where the work is killed."""

Outputs = npt.NDArray[np.float32]


def row_outputs(
    task: "Inference",
    method: "Callable[[Any, Batch], torch.Tensor]",
    model: Any,
    processor: Any,
    rows: "Dataset",
    batch_size: int,
    finished: Path | None = None,
) -> Outputs:
    """What `method` gives for every row; each of several processes computes its share and returns all.

    Rows are taken in shards. Those of a shard are batched by length where they have one, longest first, and
    put back in the order of the split: an output depends on its shard, and on nothing else that was computed.

    Args:
        task: the declared task.
        method: of the task, such as `logits` or `features`: model and a batch without labels → `[B, H]`.
        model: in eval mode.
        processor: of the model.
        rows: a split as `prepare` left it.
        batch_size: examples per forward pass.
        finished: folder of finished shards, seen by all processes: those in it are not computed again, others
            are written to it. It must belong to exactly this work. None keeps none.

    Returns:
        `[N, H]` in the order of the rows.

    Raises:
        DataError: there are no rows.
    """
    check_not_empty(rows)
    starts = range(0, len(rows), ROWS_PER_SHARD)
    files = [None if finished is None else finished / f"{start:09d}.npy" for start in starts]
    there = distributed.broadcast([file is not None and file.is_file() for file in files])
    parts = []
    for start, file, is_there in zip(starts, files, there, strict=True):
        if file is not None and is_there:
            parts.append(np.load(file))
            continue
        shard = rows.select(range(start, min(len(rows), start + ROWS_PER_SHARD)))
        parts.append(_shard_outputs(task, method, model, processor, shard, batch_size))
        if file is not None and distributed.is_main_process():
            with replacing(file) as partial, partial.open("wb") as opened:
                np.save(opened, parts[-1])
    return np.concatenate(parts)


def _shard_outputs(
    task: "Inference",
    method: "Callable[[Any, Batch], torch.Tensor]",
    model: Any,
    processor: Any,
    rows: "Dataset",
    batch_size: int,
) -> Outputs:
    import torch

    encoded = task.encode(processor, rows)
    batches = least_padding(len(rows), task.lengths(encoded), batch_size)
    parts = []
    with torch.inference_mode():
        loaded = zip(distributed.shard(batches), batch_loader(task, processor, encoded, batches), strict=True)
        for _, examples in with_progress(
            loaded, "inference", len(rows) / machine.processes(), lambda one: len(one[0])
        ):
            batch = to_device(examples, model.device)
            outputs = method(model, {key: value for key, value in batch.items() if key != "labels"})
            parts.append(outputs.float().cpu().numpy())
    return _in_order(distributed.all_gather(parts), batches)


def _in_order(parts: Sequence[Outputs], batches: Sequence[Sequence[int]]) -> Outputs:
    outputs: Outputs = np.concatenate(parts)
    return outputs[np.argsort(np.concatenate(batches))]


def to_device(batch: Mapping[str, Any], device: Any) -> dict[str, Any]:
    """The batch's tensors on `device`."""
    return {key: value.to(device) for key, value in batch.items()}
