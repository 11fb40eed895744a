"""The rows of a labelled split with their predictions: what every analysis of errors starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from teacherspec.evaluate.content_features import RowContent
from teacherspec.metrics.scores.softmax import softmax, top_label
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.predictions.classification import Predictions

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class EvalTable:
    """The N rows of a labelled split and their predictions, in the same order.

    Attributes:
        predictions: of the split.
        label_names: C names, in the order of the logits.
        content: what the rows hold.
    """

    predictions: Predictions
    label_names: tuple[str, ...]
    content: RowContent

    def __len__(self) -> int:
        return len(self.predictions.ids)

    @property
    def texts(self) -> Sequence[str]:
        """`[N]`, the content of each row as a person reads it."""
        return self.content.texts

    @cached_property
    def labels(self) -> IntArray:
        """Given labels `[N]`."""
        return self.predictions.labels.astype(np.int64)

    @cached_property
    def probs(self) -> FloatArray:
        """Probabilities `[N, C]` at temperature 1."""
        return softmax(self.predictions.logits)

    @cached_property
    def predicted(self) -> IntArray:
        """Predicted labels `[N]`."""
        return top_label(self.predictions.logits)

    @cached_property
    def confidence(self) -> FloatArray:
        """Probability of the predicted label `[N]`."""
        confidence: FloatArray = self.probs.max(axis=1)
        return confidence

    @cached_property
    def correct(self) -> "npt.NDArray[np.bool_]":
        """Whether the predicted label is the given one `[N]`."""
        correct: npt.NDArray[np.bool_] = self.predicted == self.labels
        return correct
