"""Text classification: one text, one of C labels.

A row as `prepare` stores it: `{"id": "hd-0001", "text": "cant log in since monday", "label": 3}`.
"""

from typing import ClassVar, Literal

from pydantic import Field as Param

from teacherspec.tasks.shared.classification_task import ClassificationTask
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from teacherspec.tasks.shared.single_text_task import SingleTextTask


class TextClassification(SingleTextTask, ClassificationTask):
    """Assign one of the label names to a text."""

    hub_task: ClassVar[str] = "text-classification"
    kind: Literal["text_classification"]
    """The kind of task; also the name of the module that implements it."""

    max_length: int = Param(default=128, ge=8, le=131_072)
    """Longest input in tokens, special tokens included; longer texts are cut at the end and counted."""

    problem_type: ClassVar[str] = "single_label_classification"

    def row_schema(self) -> RowSchema:
        """A text, which decides the split of a row, and one of the labels."""
        return self.labelled_rows((TextColumn("text"),))
