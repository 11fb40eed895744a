"""Tickets of two columns, subject and body: text classification of both together.

Nothing that takes long to import stands at the top: `teacherspec check` imports this module.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from teacherspec.tasks.shared.interfaces.model import Batch, Row
from teacherspec.tasks.text_classification.task import TextClassification

if TYPE_CHECKING:
    from datasets import Dataset


class Ticket(TextClassification):
    """Assign one of the label names to a ticket."""

    kind: Literal["ticket"]

    separator: str = " "
    """Between subject and body, as the model reads them."""

    def row_schema(self) -> RowSchema:
        """The columns of a row, which `prepare` validates and stores."""
        return self.labelled_rows((TextColumn("subject"), TextColumn("body")))

    def encode(self, processor: Any, rows: "Dataset") -> Any:
        """Rows → model inputs with labels."""
        joined = rows.map(self._joined, keep_in_memory=True, remove_columns=["subject", "body"])
        return super().encode(processor, joined)

    def batch(self, processor: Any, rows: Sequence[Row]) -> Batch:
        """Raw rows → model inputs as one batch, as in serving."""
        return super().batch(processor, [self._joined(row) for row in rows])

    def _joined(self, row: Row) -> dict[str, str]:
        return {"text": row["subject"] + self.separator + row["body"]}
