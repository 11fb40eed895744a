"""What training takes of a described label: a distribution over the classes, and a weight.

Where a declaration has such columns, these targets take the place of label indices in training, in the linear
probes and in the choice of the checkpoint.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.weight import WeightColumn

if TYPE_CHECKING:
    import torch
    from datasets import Dataset


def labels_to_measure(schema: RowSchema, rows: "Dataset", classes: int) -> "torch.Tensor":
    """The labels `[N]` of rows; targets `[N, C + 1]` where the task has columns that describe them; zeros and
    ones `[N, C]` where a row may have several labels.

    A target is the probability of each class, and the weight of the row as given.

    Args:
        schema: the columns of the task, which has a label.
        rows: a split as `prepare` left it.
        classes: C.
    """
    import torch

    if (label_set := schema.label_set()) is not None:
        return torch.tensor(rows[label_set.name][:], dtype=torch.float32)
    labels = torch.tensor(rows["label"][:])
    if not schema.label_details:
        return labels
    weights = row_weights(schema, rows)
    targets = torch.ones(len(rows), classes + 1)
    probs = row_distributions(schema, rows)
    hard = torch.nn.functional.one_hot(labels.long(), classes)
    targets[:, :-1] = hard if probs is None else torch.from_numpy(probs)
    if weights is not None:
        targets[:, -1] = torch.from_numpy(weights)
    return targets


def labels_to_fit(schema: RowSchema, rows: "Dataset", classes: int) -> "tuple[Dataset, torch.Tensor]":
    """The rows that count, and their labels or targets as `labels_to_measure`, with weights of mean 1.

    Leaving out a row of weight 0 changes no weighted sum. Of the other weights only the proportions matter,
    whatever their unit: a step over B rows moves the parameters as far as one over B rows without weights.
    """
    import torch

    labels = labels_to_measure(schema, rows, classes)
    if labels.ndim == 1 or schema.label_set() is not None:
        return rows, labels
    counted = labels[:, -1] > 0
    if not counted.all():
        rows, labels = rows.select(torch.nonzero(counted)[:, 0].tolist()), labels[counted]
    labels[:, -1] /= labels[:, -1].double().mean()
    return rows, labels


def row_weights(schema: RowSchema, rows: "Dataset") -> npt.NDArray[np.float64] | None:
    """The weights `[N]` of rows with labels, as given; None where the task has no such column."""
    columns = [column.name for column in schema.label_details if isinstance(column, WeightColumn)]
    return np.asarray(rows[columns[0]][:], np.float64) if columns else None


def row_distributions(schema: RowSchema, rows: "Dataset") -> npt.NDArray[np.float64] | None:
    """The distribution over the classes `[N, C]` of rows with labels; None where the task has none."""
    column = schema.distribution()
    if column is None:
        return None
    numbers = np.asarray(rows[column.name][:], np.float64)
    probs: npt.NDArray[np.float64] = numbers / numbers.sum(axis=1, keepdims=True)
    return probs
