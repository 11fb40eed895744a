"""Multi-label text classification: one text, any of C labels.

A row as `prepare` stores it: `{"id": "w-0001", "text": "leaking sink, no heating", "labels": [1, 0, 1]}`.
"""

from typing import ClassVar, Literal

from pydantic import Field as Param

from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from teacherspec.tasks.shared.multi_label_task import MultiLabelTask
from teacherspec.tasks.shared.single_text_task import SingleTextTask


class MultiLabelTextClassification(MultiLabelTask, SingleTextTask):
    """Assign any of the label names to a text."""

    hub_task: ClassVar[str] = "text-classification"
    problem_type: ClassVar[str] = "multi_label_classification"

    kind: Literal["multi_label_text_classification"]
    """The kind of task; also the name of the module that implements it."""

    max_length: int = Param(default=128, ge=8, le=131_072)
    """Longest input in tokens, special tokens included; longer texts are cut at the end and counted."""

    def row_schema(self) -> RowSchema:
        """A text, which decides the split of a row, and its labels."""
        return self.labelled_rows((TextColumn("text"),))
