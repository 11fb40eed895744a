"""Columns that hold a distribution over the classes in place of one class: votes or probabilities."""

import json
import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.tasks.shared.columns.base import ColumnError, LabelDetail, shown
from teacherspec.tasks.shared.columns.label import LabelColumn

if TYPE_CHECKING:
    import pyarrow as pa

SUM_TOLERANCE = 0.01
"""How far from 1 probabilities may add up, as files of rounded ones do."""

FORMS = "an object such as {{{example}}}, or a list of {classes} numbers in the order of task.label_names"
TIE = "a tie for the largest share, decided by the order of task.label_names"


@dataclass(frozen=True)
class LabelDistributionColumn(LabelDetail):
    """A number for each class, in the order of the label names; the label is the class of the largest.

    Attributes:
        label_names: the declared names.
    """

    label_names: Sequence[str]

    def read(self, value: Any) -> list[float]:
        """The numbers `[C]`; a text of JSON too, as CSV holds it.

        Raises:
            ColumnError: all that is wrong with them.
        """
        return self._checked(self._numbers(_parsed(value)))

    def changes(self, value: Any) -> tuple[str, ...]:
        """Whether the label of the row is one of several with the largest number."""
        try:
            numbers = self.read(value)
        except ColumnError:
            return ()
        return (TIE,) if numbers.count(max(numbers)) > 1 else ()

    def label_of(self, numbers: Sequence[float]) -> str:
        """Name of the class with the largest number, the first of several."""
        return self.label_names[numbers.index(max(numbers))]

    @abstractmethod
    def _checked(self, numbers: list[float]) -> list[float]:
        """The numbers to store. Raises `ColumnError`."""

    def _numbers(self, value: Any) -> list[float]:
        if isinstance(value, Mapping):
            given, problems = [0.0] * len(self.label_names), []
            rule = LabelColumn(self.name, self.label_names)
            for name, number in value.items():
                try:
                    given[self.label_names.index(str(rule.read(name)))] = self._number(
                        number, f"of {name!r} "
                    )
                except ColumnError as error:
                    problems.append(str(error))
            if problems:
                raise ColumnError("; ".join(problems))
            return given
        if isinstance(value, list | tuple) and len(value) == len(self.label_names):
            return [self._number(number, f"number {at} ") for at, number in enumerate(value, start=1)]
        raise ColumnError(f"must be {self._forms()} (given {shown(value)})")

    def _number(self, value: Any, which: str) -> float:
        if value is None:  # a class that a row of Parquet leaves out
            return 0.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ColumnError(f"{which}must be a number (given {shown(value)})")
        if value < 0:
            raise ColumnError(f"{which}is below 0 (given {shown(value)}); give 0 or more")
        return float(value)

    def _forms(self) -> str:
        example = ", ".join(
            f"{json.dumps(name)}: {number}" for name, number in zip(self.label_names[:2], (1, 0), strict=True)
        )
        return FORMS.format(example=example, classes=len(self.label_names))

    def arrow_type(self) -> "pa.DataType":
        """As many numbers as there are classes."""
        import pyarrow as pa

        return pa.list_(pa.float64(), len(self.label_names))

    def key(self, value: Any) -> bytes:
        """The numbers as Python writes them."""
        return repr(list(map(float, value))).encode()

    def text(self, value: Any) -> str:
        """Each class that has a share, with its number."""
        return ", ".join(f"{n}: {x:g}" for n, x in zip(self.label_names, value, strict=True) if x)

    def measures(self, parts: "Iterable[pa.ChunkedArray]") -> dict[str, float]:
        """Mean sum, rows with one class alone and with a tie, mean entropy (nats), and the disagreement."""
        classes = len(self.label_names)
        flat = [part.combine_chunks().flatten().to_numpy().reshape(-1, classes) for part in parts]
        numbers = np.concatenate([np.empty((0, classes)), *flat])
        probs = numbers / numbers.sum(axis=1, keepdims=True)
        logs = np.log(probs, out=np.zeros_like(probs), where=probs > 0)
        top = numbers.max(axis=1, keepdims=True)
        return {
            "mean_sum": float(numbers.sum(axis=1).mean()),
            "one_class": int(((numbers > 0).sum(axis=1) == 1).sum()),
            "ties": int(((numbers == top).sum(axis=1) > 1).sum()),
            "entropy": float(-(probs * logs).sum(axis=1).mean()),
            "disagreement": float(1 - probs.max(axis=1).mean()),
        }


@dataclass(frozen=True)
class VotesColumn(LabelDistributionColumn):
    """How many annotators gave each label: numbers by label, or the label that each of them gave."""

    def _numbers(self, value: Any) -> list[float]:
        if isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value):
            votes = {name: list(value).count(name) for name in dict.fromkeys(value)}
            return super()._numbers(votes)
        return super()._numbers(value)

    def _checked(self, numbers: list[float]) -> list[float]:
        if any(number != int(number) for number in numbers):
            raise ColumnError(f"must be whole numbers (given {shown(numbers)}); shares are `label_probs`")
        if not sum(numbers):
            raise ColumnError("holds no vote: the numbers sum to 0; give one, or take the row out")
        return numbers

    def _forms(self) -> str:
        return f"{super()._forms()}, or a list of the labels that annotators gave"


@dataclass(frozen=True)
class ProbabilitiesColumn(LabelDistributionColumn):
    """The probability of each label; scaled to a sum of exactly 1."""

    def _checked(self, numbers: list[float]) -> list[float]:
        total = sum(numbers)
        if abs(total - 1) > SUM_TOLERANCE + 1e-9:
            raise ColumnError(
                f"sums to {total:.6g}, not 1 (within {SUM_TOLERANCE:g}, for rounded numbers); scale the "
                "numbers, or give counts as `label_votes`"
            )
        return [number / total for number in numbers]


def _parsed(value: Any) -> Any:
    """What a text of JSON holds; any other value as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
