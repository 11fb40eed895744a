"""Batches for inference: those of this process, encoded and collated."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teacherspec.errors import DataError
from teacherspec.runtime import distributed, machine

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

    from teacherspec.tasks.shared.interfaces.model import Inference


def batch_loader(
    task: "Inference", processor: Any, examples: Any, batches: Sequence[list[int]]
) -> "DataLoader[Any]":
    """The collated batches that this process computes, in their order.

    Args:
        task: the declared task.
        processor: of the model.
        examples: encoded, by index.
        batches: indices of the examples of each batch, of all processes.
    """
    from torch.utils.data import DataLoader

    return DataLoader(
        examples,
        batch_sampler=list(distributed.shard(batches)),
        collate_fn=task.collate(processor),
        num_workers=machine.workers() if task.decodes_images else 0,
    )


def check_not_empty(rows: Any) -> None:
    """Inference needs rows. Raises `DataError`."""
    if len(rows) == 0:
        raise DataError("prepare: a split without rows cannot be predicted; declare rows for it or drop it")
