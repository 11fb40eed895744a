"""Linear interpolation between the weights that training started from and the fine-tuned ones (WiSE-FT)."""

from typing import Any


def interpolate_weights(model: Any, start: Any, fine_tuned: float) -> None:
    """Set every parameter of `model` to (1 - `fine_tuned`) × that of `start` + `fine_tuned` × its own.

    WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903). Buffers stay those of the fine-tuned model.

    Args:
        model: the fine-tuned model, changed in place.
        start: the model that fine-tuning started from, with its fitted head where there is one.
        fine_tuned: weight of the fine-tuned parameters, 0 to 1.
    """
    import torch

    start_parameters = dict(start.named_parameters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            before = start_parameters[name].to(parameter.device)
            parameter.copy_(torch.lerp(before, parameter, fine_tuned))
