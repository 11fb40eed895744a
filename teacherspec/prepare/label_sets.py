"""Sets of labels as classes: rows are compared by all their labels together, and counted by each of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.tasks.shared.columns.label_set import LabelSetColumn


@dataclass(frozen=True)
class LabelSets:
    """The sets of labels that rows have.

    Attributes:
        class_names: C names in the order of the logits.
        members: `[K, C]` zeros and ones, which of them each of K sets has.
    """

    class_names: tuple[str, ...]
    members: npt.NDArray[np.int64]


def label_sets(column: LabelSetColumn | None, sets: Sequence[str]) -> LabelSets | None:
    """The sets, from texts that `LabelSetColumn.as_label` made; None where rows have one label.

    Args:
        column: of the task, None without.
        sets: K texts.
    """
    if column is None:
        return None
    members = np.zeros((len(sets), len(column.label_names)), np.int64)
    for place, text in enumerate(sets):
        named = set(json.loads(text))
        members[place] = [name in named for name in column.label_names]
    return LabelSets(tuple(column.label_names), members)
