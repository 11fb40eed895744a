"""Losses of rows with several labels: a term for each label, averaged over the labels of a row."""

from typing import TYPE_CHECKING

from teacherspec.spec.finetune import Asymmetric, BinaryCrossEntropy

if TYPE_CHECKING:
    import torch

LARGEST_POS_WEIGHT = 100.0
"""Of `pos_weight: balanced`: a label of one row in thousands would otherwise outweigh all others."""

ALMOST_CERTAIN = 1e-8
"""Smallest base of a focal factor: at 0 the gradient would be 0 times infinity for exponents below 1."""


def binary_cross_entropy(
    loss: BinaryCrossEntropy,
    logits: "torch.Tensor",
    labels: "torch.Tensor",
    pos_weight: "torch.Tensor | None",
) -> "torch.Tensor":
    """Binary cross-entropy of each row, nats, with the focal factor (1 - p)^γ of the given label's p.

    Lin et al. 2017, equation 4. Logits and labels `[N, C]`, weights `[C]` → `[N]`.
    """
    import torch
    from torch.nn import functional

    losses = functional.binary_cross_entropy_with_logits(
        logits, labels.to(logits.dtype), pos_weight=pos_weight, reduction="none"
    )
    if loss.gamma:
        given = torch.where(labels > 0, logits, -logits)
        losses = losses * torch.sigmoid(-given).clamp(min=ALMOST_CERTAIN).pow(loss.gamma)
    return losses.mean(dim=1)


def asymmetric(
    loss: Asymmetric, logits: "torch.Tensor", labels: "torch.Tensor", pos_weight: "torch.Tensor | None"
) -> "torch.Tensor":
    """Asymmetric loss of each row (Ridnik et al. 2021, equations 4 to 7): `[N, C]`, `[N, C]`, `[C]` → `[N]`.

    For a given label (1 - p)^γ₊ · -log p; for another p_m^γ₋ · -log(1 - p_m), with p_m = max(p - m, 0).
    """
    import torch
    from torch.nn import functional

    given = (1 - torch.sigmoid(logits)).clamp(min=ALMOST_CERTAIN).pow(loss.gamma_positive)
    positive = given * -functional.logsigmoid(logits)
    shifted = (torch.sigmoid(logits) - loss.margin).clamp(min=0.0)
    # As logsigmoid where nothing is subtracted: 1 - p rounds to 0 for large logits.
    certain = functional.logsigmoid(-logits) if not loss.margin else torch.log1p(-shifted)
    negative = shifted.clamp(min=ALMOST_CERTAIN).pow(loss.gamma_negative) * -certain
    if pos_weight is not None:
        positive = positive * pos_weight
    return torch.where(labels > 0, positive, negative).mean(dim=1)


def positive_weights(loss: BinaryCrossEntropy | Asymmetric, labels: "torch.Tensor") -> "torch.Tensor | None":
    """Weights `[C]` of the labels that rows have, as declared; None for 1.

    Args:
        loss: the declared loss.
        labels: `[N, C]` of train.
    """
    import torch

    if loss.pos_weight is None:
        return None
    if loss.pos_weight != "balanced":
        return torch.full((labels.shape[1],), float(loss.pos_weight))
    given = labels.double().sum(dim=0)
    ratio = (len(labels) - given) / given.clamp(min=1.0)
    return ratio.clamp(1 / LARGEST_POS_WEIGHT, LARGEST_POS_WEIGHT).float()
