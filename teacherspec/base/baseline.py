"""The interface of the baselines: how good a base is before fine-tuning, for each type of output."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from datasets import Dataset

Measure = Callable[[Any, Any, Any, "Dataset", "Dataset"], dict[str, Any]]
"""Task, model, processor, train and validation rows → numbers, as JSON values."""

Describe = Callable[[Mapping[str, Any]], Iterator[str]]
"""These numbers → lines of Markdown."""


class Baseline(NamedTuple):
    """How a base is measured as it is.

    Attributes:
        measure: gives the numbers.
        describe: writes them for the report.
        headline: writes a few words for the terminal.
    """

    measure: Measure
    describe: Describe
    headline: Callable[[Mapping[str, Any]], str]
