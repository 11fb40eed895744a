"""The new head alone before anything else: what is drawn at random would pull good features apart.

Linear probing, then fine-tuning (LP-FT, Kumar et al. 2022, arXiv 2202.10054).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from teacherspec.finetune.lora import head_names
from teacherspec.runtime.atomic_io import replacing
from teacherspec.spec.finetune import Finetune, Full, LinearProbeFirst

SIDE = "head"
"""Folder in the scratch of a training, for the checkpoints of its head."""

FILE = "head.safetensors"


def head_section(section: Finetune, declared: LinearProbeFirst) -> Finetune:
    """The declaration of the training of the head: the same rows, loss and choice, all else still."""
    return section.model_copy(
        update={
            "method": Full(freeze="backbone"),
            "epochs": declared.epochs,
            "learning_rate": declared.learning_rate,
            "linear_probe_first": None,
            "early_stopping": None,
        }
    )


def learned_head(run: Path, train: Callable[[Path], Any]) -> Path:
    """The file with the weights of the learned head, once for a training that may be killed and resumed.

    Args:
        run: scratch folder of the whole training.
        train: trains a head in a folder and gives the model, or None on a process that only helped.
    """
    from safetensors.torch import save_file

    path = run / FILE
    if not path.is_file():
        model = train(run / SIDE)
        if model is not None:
            weights = {
                name: tensor.detach().cpu().contiguous()
                for name, tensor in model.state_dict().items()
                if name.partition(".")[0] in head_names(model)
            }
            with replacing(path) as partial:
                save_file(weights, partial)
    return path


def put_head(model: Any, path: Path) -> None:
    """Give a model the head in a file; its backbone stays as it is."""
    from safetensors.torch import load_file

    model.load_state_dict(load_file(path), strict=False)
