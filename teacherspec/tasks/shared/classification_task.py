"""What all kinds of classification share: one logit a class, one label a row."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures, LossTerms, SupervisedLoss
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    import torch


class ClassificationTask(Kind, SupervisedLoss, FrozenFeatures):
    """A kind of the output type `classification`."""

    output_type: ClassVar[OutputType] = "classification"
    selection_metrics: ClassVar[Mapping[str, bool]] = {
        "nll": False, "brier": False, "accuracy": True, "macro_f1": True,
    }  # fmt: skip

    def loss_terms(self, outputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor") -> LossTerms:
        """One term a row."""
        return LossTerms(outputs["logits"], labels)

    def measure(
        self, outputs: "npt.NDArray[np.float32]", labels: "npt.NDArray[np.int64]"
    ) -> dict[str, float]:
        """The metrics that may select a checkpoint, from logits `[N, C]` and labels `[N]`."""
        return measure(outputs, labels)


def measure(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """The metrics that may select a checkpoint.

    Args:
        logits: `[N, C]`, raw.
        labels: `[N]`.

    Returns:
        `nll` (nats, mean over rows, independent of batches), `accuracy`, `macro_f1`, `brier`.

    Raises:
        ValueError: a logit is NaN, or a label outside the classes.
    """
    # Imported here: every entrypoint imports this module with the declaration, and scipy is slow to import.
    from teacherspec.metrics.scores.classification import accuracy, macro_f1
    from teacherspec.metrics.scores.proper_scores import brier, nll
    from teacherspec.metrics.scores.softmax import softmax, top_label

    predicted, classes = top_label(logits), logits.shape[1]
    return {
        "nll": nll(logits, labels),
        "accuracy": accuracy(labels, predicted, n_classes=classes),
        "macro_f1": macro_f1(labels, predicted, n_classes=classes),
        "brier": brier(softmax(logits), labels),
    }
