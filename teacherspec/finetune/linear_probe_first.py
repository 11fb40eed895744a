"""The new head is trained on the frozen backbone first, so that random weights do not distort its features.

Linear probing, then fine-tuning (LP-FT, Kumar et al. 2022, arXiv 2202.10054).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import replacing
from teacherspec.spec.finetune import Finetune, Full
from teacherspec.tasks.shared.model_head import is_within, outside_base_model

CHECKPOINTS = "head"
"""Folder for the checkpoints of the linear probe, in the scratch folder of its training."""

HEAD_FILE = "head.safetensors"
"""File with the trained head, in the scratch folder of its training."""


def probe_section(section: Finetune) -> Finetune:
    """The declaration of the linear probe: the same rows and loss, with the backbone frozen."""
    probe = section.linear_probe_first
    assert probe is not None  # noqa: S101
    return section.model_copy(
        update={
            "method": Full(freeze="backbone"),
            "epochs": probe.epochs,
            "learning_rate": probe.learning_rate,
            "linear_probe_first": None,
            "early_stopping": None,
        }
    )


def save_head(scratch: Path, train: Callable[[Path], Any]) -> Path:
    """The file with the weights of the trained head; a training that was killed and resumed finds it there.

    Args:
        scratch: folder of the whole training.
        train: trains with checkpoints in a folder and returns the model, or None on all but the main process.
    """
    from safetensors.torch import save_file

    path = scratch / HEAD_FILE
    if not path.is_file():
        model = train(scratch / CHECKPOINTS)
        if model is not None:
            head = outside_base_model(model)
            weights = {
                name: tensor.detach().cpu().contiguous()
                for name, tensor in model.state_dict().items()
                if is_within(name, head)
            }
            with replacing(path) as partial:
                save_file(weights, partial)
    return path


def load_head(model: Any, path: Path) -> None:
    """Load the weights of the head from a file; the backbone stays as it is."""
    from safetensors.torch import load_file

    model.load_state_dict(load_file(path), strict=False)
