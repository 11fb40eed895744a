"""What every kind of classification has in common: logits of classes, one label a row."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from teacherspec.tasks.base import Kind, LossTerms, OutputType

if TYPE_CHECKING:
    import torch


class Classification(Kind):
    """A task whose model gives one logit a class."""

    output_type: ClassVar[OutputType] = "classification"
    selection_metrics: ClassVar[Mapping[str, bool]] = {
        "nll": False, "brier": False, "accuracy": True, "macro_f1": True,
    }  # fmt: skip

    def loss_terms(self, outputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor") -> LossTerms:
        """One unit a row."""
        return LossTerms(outputs["logits"], labels)

    def measure(self, kept: "npt.NDArray[np.float32]", labels: "npt.NDArray[np.int64]") -> dict[str, float]:
        """The metrics that may choose a checkpoint, from logits `[N, C]` and labels `[N]`."""
        return measure(kept, labels)


def measure(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """The metrics that may choose a checkpoint.

    Args:
        logits: `[N, C]`, raw.
        labels: `[N]`.

    Returns:
        `nll` (nats, mean over rows, independent of batches), `accuracy`, `macro_f1`, `brier`.

    Raises:
        ValueError: a logit is NaN, or a label outside the classes.
    """
    # Here and not above: every door reads this file with the declaration, and scipy behind these takes
    # half of the time that reading it takes.
    from teacherspec.metrics.classification import accuracy, macro_f1
    from teacherspec.metrics.proper_scores import brier, nll
    from teacherspec.metrics.softmax import softmax, top_label

    predicted, classes = top_label(logits), logits.shape[1]
    return {
        "nll": nll(logits, labels),
        "accuracy": accuracy(labels, predicted, n_classes=classes),
        "macro_f1": macro_f1(labels, predicted, n_classes=classes),
        "brier": brier(softmax(logits), labels),
    }
