"""A split with what the model made of it: what every look into its weaknesses starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.evaluate.content_features import looks_of
from teacherspec.evaluate.slice_features import Facet, facets_of_columns
from teacherspec.metrics.softmax import softmax, top_label
from teacherspec.metrics.validation import FloatArray, IntArray
from teacherspec.predictions.classification import Predictions
from teacherspec.tasks.columns.row_schema import RowSchema

if TYPE_CHECKING:
    import numpy.typing as npt
    from datasets import Dataset


@dataclass(frozen=True)
class Measured:
    """The rows of a labelled split beside their predictions.

    Attributes:
        predictions: of the split, in the order of its rows.
        label_names: C names, in the order of the logits.
        texts: `[N]`, the content of each row as a person reads it.
        looks: facets of how the content looks, whatever it says.
        columns: kept column → its `[N]` values (texts, numbers or None).
    """

    predictions: Predictions
    label_names: tuple[str, ...]
    texts: Sequence[str]
    looks: Sequence[Facet]
    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.predictions.ids)

    @property
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


@dataclass(frozen=True)
class Content:
    """What rows hold, whatever is made of them.

    Attributes:
        texts: `[N]`, the content of each row as a person reads it.
        looks: facets of how the content looks, whatever it says.
        columns: kept column → its `[N]` values (texts, numbers or None).
    """

    texts: Sequence[str]
    looks: Sequence[Facet]
    columns: Mapping[str, Sequence[Any]]

    def facets(self) -> list[Facet]:
        """Facets that any rows have by themselves."""
        return [*self.looks, *facets_of_columns(self.columns)]


def content_of(fields: RowSchema, rows: "Dataset") -> Content:
    """Read the rows of a split."""
    contents = [[field.text(value) for value in rows[field.name]] for field in fields.content]
    texts = ["\n".join(parts) for parts in zip(*contents, strict=True)]
    own = {"id", *(field.name for field in fields.columns())}
    columns = {name: rows[name][:] for name in rows.column_names if name not in own}
    return Content(texts, looks_of(fields, rows, texts), columns)


def measured_rows(
    fields: RowSchema, rows: "Dataset", predictions: Predictions, label_names: tuple[str, ...]
) -> Measured:
    """Lay the rows of a split beside the predictions made of them, in the same order."""
    return Measured(predictions, label_names, **vars(content_of(fields, rows)))
