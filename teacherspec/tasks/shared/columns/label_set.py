"""The column that holds the labels of a row where a row may have several, or none."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherspec.tasks.shared.columns.base import ColumnError, LabelDetail, shown
from teacherspec.tasks.shared.columns.label import LabelColumn

if TYPE_CHECKING:
    import pyarrow as pa

FORMS = (
    'must be a list of labels such as ["{first}"], in CSV as JSON (given {given}); a transform of '
    "`kind: labels` makes one of a text with separators, or of one column a label"
)


@dataclass(frozen=True)
class LabelSetColumn(LabelDetail):
    """Which of the label names a row has; stored as `[C]` zeros and ones in the order of the names.

    Attributes:
        label_names: the declared names.
        allow_empty: whether a row may have none of them.
    """

    label_names: Sequence[str]
    allow_empty: bool

    def read(self, value: Any) -> list[int]:
        """Zeros and ones from a list of names; a text of JSON too, as CSV holds it.

        Raises:
            ColumnError: all that is wrong with the list.
        """
        given = _parsed(value)
        if not isinstance(given, list | tuple):
            raise ColumnError(FORMS.format(first=self.label_names[0], given=shown(value)))
        rule = LabelColumn(self.name, self.label_names)
        names, problems = [], []
        for place, one in enumerate(given, start=1):
            try:
                names.append(str(rule.read(one)))
            except ColumnError as error:
                problems.append(f"label {place} {error}")
        repeated = sorted({name for name in names if names.count(name) > 1})
        problems += [f"lists {shown(name)} {names.count(name)} times; list it once" for name in repeated]
        if not given and not self.allow_empty:
            problems.append(
                "is empty; give the row a label, or declare `task.allow_no_labels: true` where rows may have "
                "none"
            )
        if problems:
            raise ColumnError("; ".join(problems))
        return [int(name in names) for name in self.label_names]

    def names_of(self, value: Sequence[int]) -> list[str]:
        """The names in a stored value."""
        return [name for name, has in zip(self.label_names, value, strict=True) if has]

    def as_label(self, value: Sequence[int]) -> str:
        """A stored value as one text, equal where the labels are: a JSON list."""
        return json.dumps(self.names_of(value), ensure_ascii=False)

    def arrow_type(self) -> "pa.DataType":
        """As many numbers as there are labels."""
        import pyarrow as pa

        return pa.list_(pa.int8(), len(self.label_names))

    def key(self, value: Any) -> bytes:
        """The zeros and ones."""
        return bytes(map(int, value))

    def text(self, value: Any) -> str:
        """The names, with commas between them."""
        return ", ".join(self.names_of(value)) or "(none)"

    def measures(self, parts: "Iterable[pa.ChunkedArray]") -> dict[str, float]:
        """Mean number of labels a row, rows without any, and different sets of labels."""
        classes = len(self.label_names)
        flat = [part.combine_chunks().flatten().to_numpy().reshape(-1, classes) for part in parts]
        sets = np.concatenate([np.empty((0, classes), np.int8), *flat])
        counts = sets.sum(axis=1)
        return {
            "labels_per_row": float(counts.mean()),
            "without_labels": int((counts == 0).sum()),
            "label_sets": len(np.unique(sets, axis=0)),
        }

    def problem(self, measures: Mapping[str, float]) -> str | None:
        """A split in which no row has a label."""
        if measures["labels_per_row"] == 0:
            return "no row has any label; add rows with labels"
        return None


def _parsed(value: Any) -> Any:
    """What a text of JSON holds; any other value as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
