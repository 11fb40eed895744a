"""Loading a model for inference on this machine's devices."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.runtime.device_placement import place

if TYPE_CHECKING:
    from teacherspec.tasks.shared.interfaces.model import ModelInit, ModelLoading


def load_model(task: "ModelLoading", folder: Path) -> tuple[Any, Any]:
    """The fine-tuned model on this machine's devices, in eval mode, and its processor."""
    model, processor = task.load(folder)
    return place(model), processor


def load_untrained(
    task: "ModelLoading", folder: Path, label_names: Sequence[str], start: "ModelInit"
) -> tuple[Any, Any]:
    """The base before fine-tuning, on this machine's devices, and its processor.

    New parameters are drawn from seed 0, whatever the seed of the training.
    """
    import torch

    torch.manual_seed(0)
    model, processor = task.load_base(folder, label_names, start)
    return place(model), processor
