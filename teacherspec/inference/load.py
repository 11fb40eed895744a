"""Loading a model for inference on this machine's devices."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teacherspec.runtime.device_placement import place
from teacherspec.tasks.shared.interfaces.model import ModelInit

if TYPE_CHECKING:
    from teacherspec.tasks.shared.interfaces.model import ModelLoading


def load_model(task: "ModelLoading", folder: Path) -> tuple[Any, Any]:
    """The fine-tuned model on this machine's devices, in eval mode, and its processor."""
    model, processor = task.load(folder)
    return place(model), processor


def load_untrained(task: "ModelLoading", folder: Path, label_names: Sequence[str]) -> tuple[Any, Any]:
    """The base as fine-tuning starts from it, on this machine's devices, and its processor."""
    model, processor = task.load_base(folder, label_names, ModelInit())
    return place(model), processor
