"""Classification of pairs of texts: how the second stands to the first, as one of C labels.

A row as `prepare` stores it, with `texts: [question, passage]`:
`{"id": "p-0001", "question": "cant log in since monday", "passage": "Reset your password …", "label": 1}`.
"""

from typing import ClassVar, Literal

from teacherspec.tasks.shared.classification_task import ClassificationTask
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.interfaces.packaging import UsageSnippet
from teacherspec.tasks.shared.text_pair_task import TextPairTask


class TextPairClassification(TextPairTask, ClassificationTask):
    """Assign one of the label names to a pair of texts."""

    hub_task: ClassVar[str] = "text-classification"
    kind: Literal["text_pair_classification"]
    """The kind of task; also the name of the module that implements it."""

    problem_type: ClassVar[str] = "single_label_classification"

    def row_schema(self) -> RowSchema:
        """Two texts, of which the first decides the split of a row, and one of the labels."""
        return self.paired(self.labelled_rows(self.text_content()))

    def usage_snippet(self) -> UsageSnippet:
        """Logits of a pair."""
        return self.pair_snippet()
