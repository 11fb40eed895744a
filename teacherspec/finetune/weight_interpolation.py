"""Linear interpolation between the weights of the base and the fine-tuned ones (WiSE-FT)."""

from typing import Any


def interpolate_weights(model: Any, base: Any, fine_tuned: float) -> None:
    """Set every parameter of `model` to `(1 - fine_tuned)` times the base's plus `fine_tuned` times its own.

    WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903). Buffers stay those of the fine-tuned model.

    Args:
        model: the fine-tuned model, changed in place.
        base: the model that fine-tuning started from.
        fine_tuned: weight of the fine-tuned parameters, 0 to 1.
    """
    import torch

    base_parameters = dict(base.named_parameters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            start = base_parameters[name].to(parameter.device)
            parameter.copy_(torch.lerp(start, parameter, fine_tuned))
