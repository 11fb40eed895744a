"""What all kinds of multi-label classification share: one logit a label, of independent Bernoullis."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.columns.label_set import LabelSetColumn
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.interfaces.capabilities import FrozenFeatures, LossTerms, SupervisedLoss
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind
from teacherspec.tasks.shared.label_names import LabelNames

if TYPE_CHECKING:
    import torch

COLUMN = "labels"
"""The column of a row with its labels."""


class MultiLabelTask(Kind, SupervisedLoss, FrozenFeatures):
    """A kind of the output type `multi_label`: the probability of each label is the sigmoid of its logit."""

    label_names: LabelNames
    """Label names in the order of the logits."""

    allow_no_labels: bool = False
    """Whether a row may have none of the labels; by default an empty list is refused."""

    output_type: ClassVar[OutputType] = "multi_label"
    selection_metrics: ClassVar[Mapping[str, bool]] = {
        "nll": False, "brier": False, "accuracy": True, "macro_f1": True, "micro_f1": True,
        "subset_accuracy": True, "mean_average_precision": True,
    }  # fmt: skip

    def labelled_rows(self, content: tuple[Column, ...]) -> RowSchema:
        """The columns of a row with this content and its labels."""
        labels = LabelSetColumn(COLUMN, self.label_names, self.allow_no_labels)
        return RowSchema(content, label_details=(labels,))

    def given_labels(self, rows: Mapping[str, Any]) -> Any:
        """Zeros and ones `[B, C]` of a batch of rows, or `[C]` of one; all 0 where labels are not known."""
        none = [0] * len(self.label_names)
        given = rows[COLUMN]
        if given is None:
            return none
        return [none if one is None else one for one in given]

    def loss_terms(self, outputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor") -> LossTerms:
        """One term a row, from labels `[B, C]` of zeros and ones."""
        return LossTerms(outputs["logits"], labels)

    def measure(
        self, outputs: "npt.NDArray[np.float32]", labels: "npt.NDArray[np.float32]"
    ) -> dict[str, float]:
        """The metrics that may select a checkpoint, from logits and labels `[N, C]`."""
        # Imported here: every entrypoint imports this module with the declaration.
        from teacherspec.metrics.scores.multi_label import selection_numbers

        return selection_numbers(outputs, labels, tuple(self.selection_metrics))
