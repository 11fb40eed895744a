"""What all kinds of classification share: one logit a class, one label a row."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field as Param
from pydantic import field_validator, model_validator

from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.columns.label import LabelColumn
from teacherspec.tasks.shared.columns.label_distribution import (
    LabelDistributionColumn,
    ProbabilitiesColumn,
    VotesColumn,
)
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.weight import WeightColumn
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures, LossTerms, SupervisedLoss
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.label_names import LabelNames

if TYPE_CHECKING:
    import torch


LabelColumnName = Literal["weight", "label_votes", "label_probs"]
"""Columns that say more of a row's label than its class."""

DISTRIBUTIONS: Mapping[LabelColumnName, type[LabelDistributionColumn]] = {
    "label_votes": VotesColumn,
    "label_probs": ProbabilitiesColumn,
}
"""Those of them that take the place of the column `label`."""


class ClassificationTask(Kind, SupervisedLoss, FrozenFeatures):
    """A kind of the output type `classification`."""

    # Left out of what packages record where it is empty: they keep the bytes that they had without it.
    label_columns: tuple[LabelColumnName, ...] = Param(default=(), exclude_if=lambda names: not names)
    """Columns of every row with a label. `weight`: how much the row counts in training relative to others, a
    number of at least 0. `label_votes` or `label_probs`, in place of `label`: how many annotators gave each
    label, or the probability of each; needs `label_names`. The label is then the one of the largest share."""

    label_names: LabelNames | None = None
    """Class names in the order of the logits; omit to use the labels found in the data, sorted."""

    output_type: ClassVar[OutputType] = "classification"
    selection_metrics: ClassVar[Mapping[str, bool]] = {
        "nll": False, "brier": False, "accuracy": True, "macro_f1": True,
    }  # fmt: skip

    @field_validator("label_columns")
    @classmethod
    def _are_different(cls, names: Sequence[str]) -> Sequence[str]:
        if len(set(names)) < len(names):
            raise ValueError("names one more than once: drop it")
        return names

    @model_validator(mode="after")
    def _distribution_is_over_known_labels(self) -> Self:
        given = [name for name in self.label_columns if name in DISTRIBUTIONS]
        if len(given) > 1:
            raise ValueError(f"label_columns: {' and '.join(given)} both give the label: drop one")
        if given and self.label_names is None:
            raise ValueError(
                f"label_columns: {given[0]} needs the labels in their order: declare label_names"
            )
        return self

    def labelled_rows(self, content: tuple[Column, ...]) -> RowSchema:
        """The columns of a row with this content, a label, and what is declared to be known of the label."""
        names = self.label_names
        details = tuple(
            WeightColumn(name) if name not in DISTRIBUTIONS else DISTRIBUTIONS[name](name, names or ())
            for name in self.label_columns
        )
        return RowSchema(content, LabelColumn("label", names), label_details=details)

    def loss_terms(self, outputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor") -> LossTerms:
        """One term a row, from labels `[B]` or `[B, C]`, or `[B, C + 1]` as `label_targets` makes them."""
        logits = outputs["logits"]
        if labels.ndim == 2 and labels.shape[1] == logits.shape[1] + 1:
            return LossTerms(logits, labels[:, :-1], labels[:, -1])
        return LossTerms(logits, labels)

    def measure(
        self, outputs: "npt.NDArray[np.float32]", labels: "npt.NDArray[np.int64]"
    ) -> dict[str, float]:
        """The metrics that may select a checkpoint, from logits `[N, C]` and labels `[N]` or `[N, C + 1]`."""
        if labels.ndim == 1:
            return measure(outputs, labels)
        return measure_targets(outputs, labels.astype(np.float64))


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


def measure_targets(logits: npt.NDArray[np.float32], targets: npt.NDArray[np.float64]) -> dict[str, float]:
    """The same metrics of described labels: each row counts as much as it weighs; nll and brier are those to
    its distribution, of which the most likely class is the label.

    Args:
        logits: `[N, C]`, raw.
        targets: `[N, C + 1]`, the probabilities of the classes and the weight.

    Raises:
        ValueError: a logit is NaN.
    """
    from teacherspec.metrics.scores.proper_scores import brier_to_probs, cross_entropy
    from teacherspec.metrics.scores.softmax import softmax, top_label
    from teacherspec.metrics.scores.weighted import weighted_macro_f1, weighted_mean

    probs, weights = targets[:, :-1], targets[:, -1]
    predicted, labels = top_label(logits), probs.argmax(axis=1)
    by_row = (cross_entropy(logits, probs), predicted == labels, brier_to_probs(softmax(logits), probs))
    nll, accuracy, brier = weighted_mean(np.stack(by_row, axis=1), weights).tolist()
    macro_f1 = weighted_macro_f1(labels, predicted, weights, logits.shape[1])
    return {"nll": nll, "accuracy": accuracy, "macro_f1": macro_f1, "brier": brier}
