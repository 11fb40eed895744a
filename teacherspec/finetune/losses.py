"""The training loss: a sum over the terms of the micro-batch, divided by their number in the whole step.

The heads of transformers return a mean over the micro-batch, which Trainer does not divide by the number of
accumulation steps for most classifiers (huggingface/transformers#47688): at accumulation 4, BERT trains with
four times the loss. With this loss a step does not depend on how its batch is split into micro-batches.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from teacherspec.finetune.binary_losses import asymmetric, binary_cross_entropy
from teacherspec.spec.finetune import Asymmetric, BinaryCrossEntropy, CrossEntropy, Focal
from teacherspec.tasks.shared.interfaces.capabilities import LossTerms

if TYPE_CHECKING:
    import torch

IGNORE_INDEX = -100
ALMOST_CERTAIN = 1e-8
"""Smallest 1 - p in the focal factor: at 0 the gradient would be 0 times infinity for γ below 1."""


def cross_entropy(
    loss: CrossEntropy, logits: "torch.Tensor", labels: "torch.Tensor", weights: "torch.Tensor | None"
) -> "torch.Tensor":
    """Label-smoothed cross-entropy of each term, nats: logits `[N, C]`, labels `[N]` or `[N, C]` → `[N]`."""
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
    """Focal loss of each term, (1 - p)^γ · -log p (Lin et al. 2017): `[N, C]`, `[N]` → `[N]`.

    For soft labels `[N, C]` it is the expectation over the classes.
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


RowLoss = CrossEntropy | Focal | BinaryCrossEntropy | Asymmetric
"""A loss that adds up over rows or tokens."""

LOSSES: dict[type[RowLoss], Callable[..., Any]] = {
    CrossEntropy: cross_entropy,
    Focal: focal,
    BinaryCrossEntropy: binary_cross_entropy,
    Asymmetric: asymmetric,
}


def objective(
    loss: RowLoss,
    loss_terms: "Callable[[Any, torch.Tensor], LossTerms]",
    class_weights: "torch.Tensor | None",
) -> Callable[..., "torch.Tensor"]:
    """The function Trainer calls as `compute_loss_func(outputs, labels, num_items_in_batch)`.

    Args:
        loss: the declared loss.
        loss_terms: the task's method that turns outputs and labels into the terms of the loss.
        class_weights: `[C]` of the classes, or of labels that a row has where it may have several; or None.
    """
    per_term = LOSSES[type(loss)]

    def compute_loss(
        outputs: Any, labels: "torch.Tensor", num_items_in_batch: "torch.Tensor | int | None" = None
    ) -> "torch.Tensor":
        logits, term_labels, term_weights = loss_terms(outputs, labels)
        device_weights = None if class_weights is None else class_weights.to(logits.device)
        counted = term_labels != IGNORE_INDEX
        soft = term_labels.ndim == 2
        if soft:  # PyTorch's losses ignore an index, not a row of probabilities
            term_labels = term_labels.clamp(min=0)
        losses: torch.Tensor = per_term(loss, logits.float(), term_labels, device_weights)
        if soft:
            losses = losses * counted[:, 0]
        total = losses.sum() if term_weights is None else (losses * term_weights).sum()
        items = num_items_in_batch if num_items_in_batch is not None else counted.sum()
        # Of soft labels `[B, C]` or `[B, C + 1]` Trainer counts all numbers; the loss has one term a row.
        return total / (items / labels.shape[1] if soft else items)

    return compute_loss


def row_objective(
    row_losses: "Callable[[Any, torch.Tensor], torch.Tensor]",
) -> Callable[..., "torch.Tensor"]:
    """The same function of a task whose rows have a loss of its own, such as the squared error.

    Args:
        row_losses: the task's method that gives the losses `[B]` of outputs and labels `[B]`.
    """

    def compute_loss(
        outputs: Any, labels: "torch.Tensor", num_items_in_batch: "torch.Tensor | int | None" = None
    ) -> "torch.Tensor":
        counted = labels != IGNORE_INDEX
        total = (row_losses(outputs, labels) * counted).sum()
        return total / (num_items_in_batch if num_items_in_batch is not None else counted.sum())

    return compute_loss


def balanced_weights(labels: "torch.Tensor", classes: int) -> "torch.Tensor":
    """Weights `[C]` inverse to class frequency, scaled so that the mean over the rows is 1.

    Same as scikit-learn's `class_weight="balanced"`: n / (C · n_c), over the classes that occur.

    Args:
        labels: `[N]`, or targets `[N, C + 1]`, whose rows count as much as they weigh, in n and in n_c.
        classes: C.
    """
    import torch

    if labels.ndim == 2:
        counts = (labels[:, :-1].double() * labels[:, -1:].double()).sum(dim=0)
    else:
        counts = torch.bincount(labels, minlength=classes).double()
    present = counts > 0
    weights = torch.where(present, counts.sum() / (present.sum() * counts.where(present, 1.0)), 0.0)
    return weights.float()
