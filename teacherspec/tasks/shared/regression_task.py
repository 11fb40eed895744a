"""What all kinds of regression share: one output, which is the score of the row in units of its scale."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field as Param
from pydantic import model_validator

from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.score import ScoreColumn
from teacherspec.tasks.shared.interfaces.capabilities import RowLosses
from teacherspec.tasks.shared.interfaces.declaration import OutputType
from teacherspec.tasks.shared.interfaces.kind import Kind

if TYPE_CHECKING:
    import torch

SCORE = "score"
"""The column of the scores, and the name of the model's output."""


class RegressionTask(Kind, RowLosses):
    """A kind of the output type `regression`."""

    range: tuple[float, float] = Param(default=(0.0, 1.0))
    """Least and greatest score. Rows with another one are refused; losses, errors and intervals are in the
    unit of this scale. Predictions are not cut to it."""

    output_type: ClassVar[OutputType] = "regression"
    selection_metrics: ClassVar[Mapping[str, bool]] = {
        "mse": False, "mae": False, "pearson": True, "spearman": True,
    }  # fmt: skip

    @model_validator(mode="after")
    def _range_ascends(self) -> Self:
        low, high = self.range
        if low >= high:
            raise ValueError(f"range: the least score comes first (given {low:g}, {high:g})")
        return self

    def scored_rows(self, content: tuple[Column, ...]) -> RowSchema:
        """The columns of a row with this content and a score."""
        return RowSchema(content, label_details=(ScoreColumn(SCORE, low=self.range[0], high=self.range[1]),))

    def row_losses(self, outputs: "Mapping[str, torch.Tensor]", labels: "torch.Tensor") -> "torch.Tensor":
        """Squared error `[B]` of each row, in the square of the scale's unit."""
        errors: torch.Tensor = outputs["logits"][:, 0].float() - labels.float()
        return errors.square()

    def measure(
        self, outputs: "npt.NDArray[np.float32]", labels: "npt.NDArray[np.float32]"
    ) -> dict[str, float]:
        """The metrics that may select a checkpoint, from scores `[N, 1]` and labels `[N]`."""
        from teacherspec.metrics.scores.regression import score_metrics

        found = score_metrics(outputs[:, 0].astype(np.float64), labels.astype(np.float64))
        return {name: found[name] for name in self.selection_metrics}
