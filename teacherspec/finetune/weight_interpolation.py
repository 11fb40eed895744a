"""Fine-tuned weights mixed with those of the base."""

from typing import Any


def interpolate(model: Any, base: Any, share: float) -> None:
    """Set every parameter of `model` to `(1 - share)` of the base's and `share` of its own.

    WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903). Buffers stay those of the fine-tuned model.

    Args:
        model: fine-tuned, changed in place.
        base: the same architecture as fine-tuning started from it.
        share: of the fine-tuned weights, 0 to 1.
    """
    import torch

    of_base = dict(base.named_parameters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            start = of_base[name].to(parameter.device)
            parameter.copy_(torch.lerp(start, parameter, share))
