"""The column that says how much a row counts."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.tasks.shared.columns.base import ColumnError, shown
from teacherspec.tasks.shared.columns.number import NumberDetail, finite_number

if TYPE_CHECKING:
    import pyarrow as pa

ALLOWED = "a number of at least 0, such as 1 for a row like any other"


@dataclass(frozen=True)
class WeightColumn(NumberDetail):
    """How much a row counts, relative to the others; a row of weight 0 counts nothing."""

    def read(self, value: Any) -> float:
        """The weight as a number; a text of one too, as files of texts alone hold it.

        Raises:
            ColumnError: not a number, not finite or below 0.
        """
        given = finite_number(value)
        if given is None:
            raise ColumnError(f"must be {ALLOWED} (given {shown(value)})")
        if given < 0:
            raise ColumnError(
                f"is below 0 (given {shown(value)}); give {ALLOWED}, or take the row out, as weight 0 does"
            )
        return given

    def measures(self, parts: "Iterable[pa.ChunkedArray]") -> dict[str, float]:
        """Sum, extremes, rows of weight 0, and how many rows of equal weight tell as much."""
        # Imported here: every entrypoint imports this module with the declaration.
        from teacherspec.metrics.scores.weighted import effective_rows

        weights = np.concatenate([np.empty(0), *(part.to_numpy() for part in parts)])
        return {
            "sum": float(weights.sum()),
            "smallest": float(weights.min(initial=math.inf)),
            "largest": float(weights.max(initial=0.0)),
            "zero": int((weights == 0).sum()),
            "effective_rows": effective_rows(weights),
        }

    def problem(self, measures: Mapping[str, float]) -> str | None:
        """All rows count nothing."""
        if measures["sum"] > 0:
            return None
        return "every row weighs 0, so nothing is left of them; give a weight above 0 to rows that count"
