"""The exponential running mean of the weights (EMA), kept next to the weights that are trained.

Only the trained weights are optimised; the mean is what is measured on validation, chosen and packaged
(Polyak & Juditsky 1992; for fine-tuning Morales-Brotons et al. 2024, arXiv 2411.18704).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from teacherspec.runtime.atomic_io import replacing

if TYPE_CHECKING:
    import torch

FILE = "running_mean.safetensors"
"""File with the mean in a checkpoint, next to the trained weights."""


class RunningMean:
    """The mean of a model's trained parameters, and of the statistics that its BatchNorm layers update.

    In float32 on the device of the model. Each update is a subtraction, a product and a sum, each rounded by
    itself: fused into one operation, it would depend on the type of CPU.
    """

    def __init__(self, model: Any, decay: float) -> None:
        """Start from the model's weights.

        Args:
            model: plain or with low-rank updates, whole on this process.
            decay: share of itself that the mean keeps at each step.
        """
        self.model, self.decay = model, decay
        self.mean = {name: tensor.detach().clone() for name, tensor in trained_tensors(model).items()}

    def update(self, step: int) -> None:
        """Move the mean towards the weights after optimizer step number `step`, from 1.

        Their share is 1 - decay; for the first steps 1 / (step + 1), so that the start does not dominate.
        """
        import torch

        share = max(1.0 - self.decay, 1.0 / (step + 1))
        with torch.no_grad():
            for name, own in trained_tensors(self.model).items():
                mean = self.mean[name]
                mean.add_((own - mean).mul_(share))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the mean as its weights within the block; no tensor is copied."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for name, own in trained_tensors(self.model).items():
            own.data, self.mean[name] = self.mean[name], own.data

    def replace_weights(self) -> None:
        """Give the model the mean as its weights for good."""
        import torch

        with torch.no_grad():
            for name, own in trained_tensors(self.model).items():
                own.copy_(self.mean[name])

    def save(self, checkpoint: Path) -> None:
        """Write the mean into a checkpoint's folder."""
        from safetensors.torch import save_file

        with replacing(checkpoint / FILE) as partial:
            save_file({name: mean.contiguous() for name, mean in self.mean.items()}, partial)

    def load(self, checkpoint: Path) -> None:
        """Continue from the mean of a checkpoint."""
        from safetensors.torch import load_file

        for name, mean in load_file(checkpoint / FILE).items():
            self.mean[name].copy_(mean)


def trained_tensors(model: Any) -> "dict[str, torch.Tensor]":
    """What training changes, by name: trained parameters, and running statistics of BatchNorm layers."""
    from torch.nn.modules.batchnorm import _BatchNorm

    found = {name: one for name, one in model.named_parameters() if one.requires_grad}
    for prefix, module in model.named_modules():
        if isinstance(module, _BatchNorm):
            buffers = module.named_buffers(prefix, recurse=False)
            found |= {name: one for name, one in buffers if one.is_floating_point()}
    return found


class UpdateMean(TrainerCallback):  # type: ignore[misc]
    """Updates the mean after each optimizer step."""

    def __init__(self, running_mean: RunningMean) -> None:
        self.running_mean = running_mean

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Trainer has counted the step by now."""
        self.running_mean.update(state.global_step)
