"""The columns of a task's row, by what they are for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from teacherspec.tasks.shared.columns.base import Column, LabelDetail, VisualColumn
from teacherspec.tasks.shared.columns.label import LabelColumn
from teacherspec.tasks.shared.columns.label_distribution import LabelDistributionColumn
from teacherspec.tasks.shared.columns.label_set import LabelSetColumn
from teacherspec.tasks.shared.columns.row_checks import RowCheck
from teacherspec.tasks.shared.columns.token_labels import TokenLabelsColumn

PairOrder = Literal["fixed", "either"]
"""Of two texts that are one content: what each of them is, or nothing but that they belong together."""


@dataclass(frozen=True)
class RowSchema:
    """The columns of a task's row.

    Attributes:
        content: the input of the model. Rows of equal content are the same example: they stay in one split,
            which the hash of the content decides.
        label: the class of the row, or None for tasks without classes and where a row may have several. Rows
            of role `ood` have none.
        answers: what the model is trained to give besides a class (a completion, references). Rows of
            equal content may have several.
        conditions: columns that programs read as part of the prompt, and this task does not: values in them
            are never ignored. Each with how to declare it, in words.
        label_details: what else is known of the label, such as a weight; or, of a task without classes of
            rows, the labels of the tokens. Rows without a label have none.
        pair_order: of a content that is a pair of texts, None for any other. The first text, and not the
            whole content, then decides the split of a row, and each text is compared with its own in the
            search for near duplicates. In `either` order, pairs of the same two texts are equal.
        checks: what the columns have to do with each other, of rows with a label.
    """

    content: tuple[Column, ...]
    label: LabelColumn | None = None
    answers: tuple[Column, ...] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)
    label_details: tuple[LabelDetail, ...] = ()
    pair_order: PairOrder | None = None
    checks: tuple[RowCheck, ...] = ()

    def without_label(self) -> "RowSchema":
        """The same row where no class is known."""
        return replace(self, label=None, label_details=(), checks=())

    def compared_exactly(self) -> "RowSchema":
        """The same row, where texts that differ in case or white space are different content."""

        def exact(columns: tuple[Column, ...]) -> tuple[Column, ...]:
            return tuple(replace(column, exact=True) for column in columns)

        return replace(self, content=exact(self.content), answers=exact(self.answers))

    def images(self) -> tuple[VisualColumn, ...]:
        """The columns of the content that hold images."""
        return tuple(column for column in self.content if isinstance(column, VisualColumn))

    def texts(self) -> tuple[Column, ...]:
        """The columns of the content that hold texts."""
        return tuple(column for column in self.content if not isinstance(column, VisualColumn))

    def unit(self) -> str:
        """Unit of the size of a row."""
        units = {column.unit for column in self.content}
        return units.pop() if len(units) == 1 else "characters and bytes"

    def distribution(self) -> LabelDistributionColumn | None:
        """The column with a distribution over the classes, of which the label is the most likely one."""
        return next((one for one in self.label_details if isinstance(one, LabelDistributionColumn)), None)

    def label_set(self) -> LabelSetColumn | None:
        """The column with the labels of a row where it may have several; `label` is None then."""
        return next((one for one in self.label_details if isinstance(one, LabelSetColumn)), None)

    def scores(self) -> tuple[LabelDetail, ...]:
        """The columns with scores, of rows that have these in place of classes."""
        others = self.label is not None or self.label_set() is not None or self.token_labels() is not None
        return () if others else self.label_details

    def token_labels(self) -> TokenLabelsColumn | None:
        """The column with the labels of the tokens."""
        return next((one for one in self.label_details if isinstance(one, TokenLabelsColumn)), None)

    def read_columns(self) -> tuple[Column, ...]:
        """The columns that are read from files: all, but no label where a distribution gives it."""
        derived = self.distribution() is not None
        return tuple(column for column in self.columns() if not (derived and column is self.label))

    def columns(self) -> tuple[Column, ...]:
        """All columns in the order in which they are stored."""
        return (*self.content, *self.answers, *((self.label,) if self.label else ()), *self.label_details)
