"""Features of images are computed once where no part of the model that reads pixels is trained.

Augmented images are others in every epoch, and a part with dropout, or with BatchNorm that learns its
statistics, computes something else in training: these pass through the model in every step.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from teacherspec.inference.row_outputs import row_outputs, to_device
from teacherspec.runtime import machine
from teacherspec.runtime.device_placement import fits
from teacherspec.tasks.shared.image_dataset import ImageExamples
from teacherspec.tasks.shared.interfaces.capabilities import FrozenImages
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    from datasets import Dataset

    from teacherspec.tasks.shared.interfaces.model import Batch

COMPARED_ROWS = 8
"""Rows that show whether training changes the features: dropout would have to miss all of them."""


def compute_frozen_images(
    task: Kind, model: Any, processor: Any, data: "Sequence[tuple[Dataset, Any]]", batch_size: int
) -> None:
    """Give examples the features of their images, where nothing before these features is trained.

    Args:
        task: the declared task.
        model: as training begins with it; it stays on the device of this process.
        processor: of the model.
        data: rows, and their examples without augmentation.
        batch_size: examples per forward pass.
    """
    frozen = task.capability(FrozenImages)
    method = None if frozen is None else frozen.frozen_images(model)
    if method is None or not machine.holds_whole_model() or not fits(model):
        return
    rows = data[0][0]
    batch = task.batch(processor, [rows[at] for at in range(min(COMPARED_ROWS, len(rows)))])
    model = model.to(machine.device())
    with torch.random.fork_rng():  # loaders draw a number: dropout elsewhere stays what it is without this
        if not _same_in_training(method, model, to_device(batch, model.device)):
            return
        for rows, examples in data:
            if isinstance(examples, ImageExamples):
                examples.features = row_outputs(task, method, model, processor, rows, batch_size)


def _same_in_training(method: "Callable[[Any, Batch], torch.Tensor]", model: Any, batch: "Batch") -> bool:
    """Whether the features are the same in training mode; leaves the model in eval mode, with its buffers."""
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.no_grad():
        in_training, in_eval = (method(model.train(mode), batch) for mode in (True, False))
        for name, buffer in model.named_buffers():
            buffer.copy_(before[name])  # BatchNorm has counted this batch
    return torch.allclose(in_training, in_eval)
