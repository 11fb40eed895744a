"""The interface of the baselines: how good a base is before fine-tuning, for each type of output."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from datasets import Dataset

    from teacherspec.base.candidates.scores import Scores
    from teacherspec.splits import Prepared

Measure = Callable[[Any, Any, Any, "Dataset", "Dataset"], dict[str, Any]]
"""Task, model, processor, train and validation rows → numbers, as JSON values."""

MeasureScores = Callable[[Any, Any, Any, "Dataset", "Dataset"], "Scores"]
"""The same arguments → the scores that candidates are ranked by."""

Describe = Callable[[Mapping[str, Any]], Iterator[str]]
"""These numbers → lines of Markdown."""


Refuse = Callable[[Any, "Prepared"], None]
"""Task and splits → `DataError` where no teacher of the task can be measured on one of them."""


def accept_splits(task: Any, prepared: "Prepared") -> None:
    """For types of output that can be measured on any rows."""


class Baseline(NamedTuple):
    """How a base is measured as it is.

    Attributes:
        measure: gives the numbers.
        describe: writes them for the report.
        scores: what several candidates are ranked by.
        headline: writes a few words for the terminal.
        refuse_splits: refuses splits on which nothing can be measured.
    """

    measure: Measure
    describe: Describe
    scores: MeasureScores
    headline: Callable[[Mapping[str, Any]], str]
    refuse_splits: Refuse = accept_splits
