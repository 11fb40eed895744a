"""Scores of pairs of texts on a scale: similarity, or how well a passage answers a question.

A row as `prepare` stores it, with `texts: [question, passage]` and `range: [0, 5]`:
`{"id": "p-0001", "question": "cant log in since monday", "passage": "Reset your password …", "score": 4.5}`.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.interfaces.model import ModelInit
from teacherspec.tasks.shared.interfaces.packaging import UsageSnippet
from teacherspec.tasks.shared.model_head import centre_output
from teacherspec.tasks.shared.regression_task import SCORE, RegressionTask
from teacherspec.tasks.shared.text_pair_task import TextPairTask

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class TextPairRegression(TextPairTask, RegressionTask):
    """Give a pair of texts a score on a scale."""

    hub_task: ClassVar[str] = "text-ranking"
    kind: Literal["text_pair_regression"]
    """The kind of task; also the name of the module that implements it."""

    problem_type: ClassVar[str] = "regression"

    def row_schema(self) -> RowSchema:
        """Two texts, of which the first decides the split of a row, and a score."""
        return self.paired(self.scored_rows(self.text_content()))

    def load_base(
        self, folder: Path, label_names: Sequence[str], start: ModelInit
    ) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
        """A base with a new head of one output that starts at the middle of the scale, and its tokenizer.

        New parameters are drawn from torch's global generator: seed it before. Raises `BaseModelError`.
        """
        model, tokenizer = super().load_base(folder, (SCORE,), start)
        centre_output(model, sum(self.range) / 2)
        return model, tokenizer

    def given_labels(self, rows: Mapping[str, Any]) -> Any:
        """The scores of a batch of rows; NaN of rows without one."""
        return [math.nan if score is None else score for score in rows[SCORE]]

    def usage_snippet(self) -> UsageSnippet:
        """The score of a pair."""
        return self.pair_snippet()
