"""The training loss, summed over units and divided once by the units of the whole optimizer step.

The heads of transformers return a mean over the micro-batch, which Trainer then fails to divide by the
accumulation steps for most classifiers (huggingface/transformers#47688): BERT trains with 4× the loss
at accumulation 4. Owning the loss makes a step the same however its batch is cut.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from teacherspec.spec.finetune import CrossEntropy, Focal
from teacherspec.tasks.base import LossTerms

if TYPE_CHECKING:
    import torch

IGNORE_INDEX = -100
ALMOST_CERTAIN = 1e-8
"""Smallest 1 - p of the focal factor; at 0 its gradient would be 0 times infinity for γ below 1."""


def cross_entropy(
    loss: CrossEntropy, logits: "torch.Tensor", labels: "torch.Tensor", weights: "torch.Tensor | None"
) -> "torch.Tensor":
    """Label-smoothed cross-entropy per unit, nats: logits `[U, C]`, targets `[U]` or `[U, C]` → `[U]`."""
    from torch.nn import functional

    return functional.cross_entropy(
        logits,
        labels,
        weight=weights,
        ignore_index=IGNORE_INDEX,
        label_smoothing=loss.label_smoothing,
        reduction="none",
    )


def focal(
    loss: Focal, logits: "torch.Tensor", labels: "torch.Tensor", weights: "torch.Tensor | None"
) -> "torch.Tensor":
    """Focal loss per unit, (1 - p)^γ · -log p (Lin et al. 2017): `[U, C]`, `[U]` → `[U]`.

    Of soft targets `[U, C]` it is the expectation over the classes.
    """
    from torch.nn import functional

    if labels.ndim == 2:
        log_probs = functional.log_softmax(logits, dim=1)
        factors = (1 - log_probs.exp()).clamp(min=ALMOST_CERTAIN).pow(loss.gamma)
        expected = labels * factors * -log_probs
        return (expected if weights is None else expected * weights).sum(dim=1)
    nll = functional.cross_entropy(logits, labels, ignore_index=IGNORE_INDEX, reduction="none")
    losses = (1 - (-nll).exp()).clamp(min=ALMOST_CERTAIN).pow(loss.gamma) * nll
    return losses if weights is None else losses * weights[labels.clamp(min=0)]


PER_UNIT: dict[type[CrossEntropy] | type[Focal], Callable[..., Any]] = {
    CrossEntropy: cross_entropy,
    Focal: focal,
}


def objective(
    loss: CrossEntropy | Focal,
    units: "Callable[[Any, torch.Tensor], LossTerms]",
    weights: "torch.Tensor | None",
) -> Callable[..., "torch.Tensor"]:
    """The function Trainer calls as `compute_loss_func(outputs, labels, num_items_in_batch)`.

    Args:
        loss: the declared loss.
        units: the task's verb from outputs and labels to what is counted.
        weights: `[C]` class weights, or None.
    """
    per_unit = PER_UNIT[type(loss)]

    def compute_loss(
        outputs: Any, labels: "torch.Tensor", num_items_in_batch: "torch.Tensor | int | None" = None
    ) -> "torch.Tensor":
        logits, targets, unit_weights = units(outputs, labels)
        device_weights = None if weights is None else weights.to(logits.device)
        counted = targets != IGNORE_INDEX
        if targets.ndim == 2:  # soft labels, which PyTorch knows not how to ignore
            targets = targets.clamp(min=0)
        losses: torch.Tensor = per_unit(loss, logits.float(), targets, device_weights)
        if targets.ndim == 2:
            losses = losses * counted[:, 0]
        total = losses.sum() if unit_weights is None else (losses * unit_weights).sum()
        items = num_items_in_batch if num_items_in_batch is not None else counted.sum()
        # Trainer counts the numbers of soft labels `[B, C]`; the units are their rows.
        return total / (items / labels.shape[1] if targets.ndim == 2 else items)

    return compute_loss


def balanced_weights(labels: "torch.Tensor", classes: int) -> "torch.Tensor":
    """Weights `[C]` inverse to class frequency, scaled so that the mean over the rows is 1.

    Same as scikit-learn's `class_weight="balanced"`: n / (C · n_c), over the classes that occur.
    """
    import torch

    counts = torch.bincount(labels, minlength=classes).double()
    present = counts > 0
    weights = torch.where(present, labels.numel() / (present.sum() * counts.clamp(min=1)), 0.0)
    return weights.float()
