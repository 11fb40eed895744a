"""Rows whose prediction became right or wrong, and classes and slices whose accuracy changed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from teacherspec.compare.paired_tests import FALSE_DISCOVERY_RATE, Hits
from teacherspec.evaluate.slices import single_slices
from teacherspec.evaluation_rows.slice_features import SlicingFeature
from teacherspec.metrics.multiple_testing import adjusted
from teacherspec.metrics.significance import mcnemar_exact

FEWEST_ROWS = 10
"""Rows of a slice below which it is not tested: McNemar's test would hardly ever find a difference."""

Direction = Literal["right to wrong", "wrong to right"]


@dataclass(frozen=True)
class Flip:
    """A row that one teacher gets right and the other wrong.

    Attributes:
        id: of the row.
        text: its content; empty where the rows are not available.
        label: the given label, or a correct answer.
        before: prediction (a label or a text) of the base revision, and its calibrated confidence.
        after: the same of the head revision.
    """

    id: str
    text: str
    label: str
    before: tuple[str, float]
    after: tuple[str, float]


@dataclass(frozen=True)
class Flips:
    """All flips of one split, most confident wrong predictions first.

    Attributes:
        split: its name.
        rows: number of rows that are either right or wrong.
        right_to_wrong: rows that only the base revision has right.
        wrong_to_right: rows that only the head revision has right.
        free_text: whether labels and predictions are texts of the data set rather than names of classes.
    """

    split: str
    rows: int
    right_to_wrong: tuple[Flip, ...]
    wrong_to_right: tuple[Flip, ...]
    free_text: bool = False

    @property
    def any(self) -> bool:
        """Whether anything flipped."""
        return bool(self.right_to_wrong or self.wrong_to_right)


@dataclass(frozen=True)
class GroupChange:
    """The accuracy on a class or slice of the test split under both teachers.

    Attributes:
        name: `label = cold`, `length (characters) < 40`.
        rows: in it.
        before: accuracy (for a class, its recall) of the base revision.
        after: of the head revision.
        right_to_wrong: rows that only the base revision has right.
        wrong_to_right: rows that only the head revision has right.
        p_value: of McNemar's exact test.
        q_value: adjusted over the classes, or over the slices, in which some row changed; 1 for the others,
            which are no tests.
    """

    name: str
    rows: int
    before: float
    after: float
    right_to_wrong: int
    wrong_to_right: int
    p_value: float
    q_value: float

    @property
    def changed(self) -> int:
        """Number of rows that only one side has right."""
        return self.right_to_wrong + self.wrong_to_right

    @property
    def differs(self) -> bool:
        """Whether the accuracy changed at all."""
        return self.before != self.after

    @property
    def significant(self) -> bool:
        """Whether the accuracy changed significantly."""
        return self.q_value <= FALSE_DISCOVERY_RATE


def without_content(flips: Flips) -> Flips:
    """The same without anything from the content of rows."""

    def bare(flip: Flip) -> Flip:
        if not flips.free_text:
            return replace(flip, text="")
        return replace(flip, text="", label="", before=("", flip.before[1]), after=("", flip.after[1]))

    lost, won = (tuple(map(bare, rows)) for rows in (flips.right_to_wrong, flips.wrong_to_right))
    return replace(flips, right_to_wrong=lost, wrong_to_right=won)


def flipped(
    split: str, before: Hits, after: Hits, flip: Callable[[int], Flip], *, free_text: bool = False
) -> Flips:
    """The rows that became right or wrong.

    Args:
        split: its name.
        before: `[N]`, which rows the base revision has right.
        after: `[N]`, which rows the head revision has right.
        flip: describes row `0 <= i < N`.
        free_text: see `Flips`.
    """
    lost = [flip(int(row)) for row in np.flatnonzero(before & ~after)]
    won = [flip(int(row)) for row in np.flatnonzero(after & ~before)]
    return Flips(
        split=split,
        rows=len(before),
        right_to_wrong=tuple(sorted(lost, key=lambda flip: (-flip.after[1], flip.id))),
        wrong_to_right=tuple(sorted(won, key=lambda flip: (-flip.before[1], flip.id))),
        free_text=free_text,
    )


def compare_groups(
    before: Hits, after: Hits, features: Sequence[SlicingFeature], *, fewest: int = FEWEST_ROWS
) -> tuple[GroupChange, ...]:
    """Every slice of the features with enough rows, most significant first, tested as one family.

    Args:
        before: `[N]`, which rows the base revision has right.
        after: `[N]`, which rows the head revision has right.
        features: of the same rows in the same order; those that depend on the model are left out.
        fewest: rows of a slice.
    """
    of_rows = [feature for feature in features if not feature.of_model]
    return _adjusted([group for one in of_rows for group in _tested(before, after, one, fewest=fewest)])


def _tested(before: Hits, after: Hits, feature: SlicingFeature, *, fewest: int) -> Iterator[GroupChange]:
    """The slices of a feature, each tested by itself."""
    for single in single_slices([feature]):
        inside = single.rows()
        if (rows := int(inside.sum())) >= fewest:
            lost, won = int((inside & before & ~after).sum()), int((inside & after & ~before).sum())
            shares = float(before[inside].mean()), float(after[inside].mean())
            yield GroupChange(single.name, rows, *shares, lost, won, mcnemar_exact(lost, won), 1.0)


def _adjusted(groups: Sequence[GroupChange]) -> tuple[GroupChange, ...]:
    """The groups of one family of tests with their `q_value`, sorted."""
    tested = [group for group in groups if group.changed]
    q_values = adjusted([group.p_value for group in tested])
    found = [replace(group, q_value=q) for group, q in zip(tested, q_values, strict=True)]
    found += [group for group in groups if not group.changed]
    return tuple(sorted(found, key=lambda group: (group.p_value, group.after - group.before, group.name)))
