"""The column that holds the score of a row, a number on a declared scale."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.tasks.shared.columns.base import ColumnError, shown
from teacherspec.tasks.shared.columns.number import NumberDetail, finite_number

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ScoreColumn(NumberDetail):
    """A number between two ends, which both occur.

    Attributes:
        low: the least score.
        high: the greatest.
    """

    low: float = 0.0
    high: float = 1.0

    def read(self, value: Any) -> float:
        """The score as a number; a text of one too, as files of texts alone hold it.

        Raises:
            ColumnError: no number, not finite, or outside the declared range.
        """
        allowed = f"a number from {self.low:g} to {self.high:g}"
        given = finite_number(value)
        if given is None:
            raise ColumnError(f"must be {allowed} (given {shown(value)}); give one, or take the row out")
        if not self.low <= given <= self.high:
            raise ColumnError(
                f"is outside the scale (given {shown(value)}; allowed {allowed}); correct it, or declare "
                "another `task.range`"
            )
        return given

    def measures(self, parts: "Iterable[pa.ChunkedArray]") -> dict[str, float]:
        """Mean, standard deviation and extremes of the scores."""
        scores = np.concatenate([np.empty(0), *(part.to_numpy() for part in parts)])
        return {
            "mean": float(scores.mean()),
            "sd": float(scores.std()),
            "smallest": float(scores.min()),
            "largest": float(scores.max()),
        }

    def problem(self, measures: Mapping[str, float]) -> str | None:
        """All scores are the same."""
        if measures["largest"] > measures["smallest"]:
            return None
        return f"every score is {measures['smallest']:g}, so nothing can be learned or correlated; add rows"
