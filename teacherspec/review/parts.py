"""Rows whose answer flipped, and the classes and slices that moved by more than chance explains."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from teacherspec.evaluate.facets import Facet, by_label
from teacherspec.evaluate.slices import single_slices
from teacherspec.metrics.comparison import benjamini_hochberg, mcnemar_exact
from teacherspec.review.paired import FALSE_DISCOVERY_RATE
from teacherspec.review.rows import PairedRows

FEWEST_ROWS = 10
"""Rows of a slice below which it is not tested: McNemar's test could hardly ever find it moved."""

Direction = Literal["right to wrong", "wrong to right"]


@dataclass(frozen=True)
class Flip:
    """A row that one teacher gets right and the other wrong.

    Attributes:
        id: of the row.
        text: its content as a person reads it; empty where the rows are not at hand.
        label: the given label.
        before: predicted label and calibrated confidence of the base revision.
        after: of the other.
    """

    id: str
    text: str
    label: str
    before: tuple[str, float]
    after: tuple[str, float]


@dataclass(frozen=True)
class Flips:
    """All flips of one split, surest wrong answers first."""

    split: str
    rows: int
    right_to_wrong: tuple[Flip, ...]
    wrong_to_right: tuple[Flip, ...]


@dataclass(frozen=True)
class Part:
    """A class or slice of the test split under both teachers.

    Attributes:
        name: `label = cold`, `length (characters) < 40`.
        rows: in it.
        before: accuracy (for a class, its recall) of the base revision.
        after: of the other.
        right_to_wrong: rows that only the base revision has right.
        wrong_to_right: rows that only the other has right.
        p_value: of McNemar's exact test.
        q_value: adjusted over the classes, or over the slices.
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
    def moved(self) -> bool:
        """Whether chance does not explain the difference."""
        return self.q_value <= FALSE_DISCOVERY_RATE


def flips(paired: PairedRows, texts: Mapping[str, str]) -> Flips:
    """The rows of a labelled split whose answer became right or wrong.

    Args:
        paired: the common rows.
        texts: id → content.
    """
    before, after = paired.before.correct, paired.after.correct

    lost = [_flip(paired, int(row), texts) for row in np.flatnonzero(before & ~after)]
    won = [_flip(paired, int(row), texts) for row in np.flatnonzero(after & ~before)]
    return Flips(
        split=paired.split,
        rows=len(paired),
        right_to_wrong=tuple(sorted(lost, key=lambda flip: (-flip.after[1], flip.id))),
        wrong_to_right=tuple(sorted(won, key=lambda flip: (-flip.before[1], flip.id))),
    )


def _flip(paired: PairedRows, row: int, texts: Mapping[str, str]) -> Flip:
    name = paired.ids[row]
    answers = paired.before.answer(row), paired.after.answer(row)
    return Flip(name, texts.get(name, ""), paired.labels[row], *answers)


def classes_moved(paired: PairedRows) -> tuple[Part, ...]:
    """Every class that occurs, those that moved first, tested as one family."""
    names = sorted(set(paired.labels))
    codes = np.array([names.index(label) for label in paired.labels], dtype=np.int64)
    return _parts(paired, by_label(codes, names), fewest=1)


def slices_moved(paired: PairedRows, facets: Sequence[Facet]) -> tuple[Part, ...]:
    """Every slice of the facets with enough rows, those that moved first, tested as one family.

    Args:
        paired: the common rows.
        facets: of the same rows in the same order; those that the model decides are left out.
    """
    return _tested(
        [
            part
            for facet in facets
            if not facet.of_model
            for part in _untested(paired, facet, fewest=FEWEST_ROWS)
        ]
    )


def _parts(paired: PairedRows, facet: Facet, *, fewest: int) -> tuple[Part, ...]:
    return _tested(list(_untested(paired, facet, fewest=fewest)))


def _untested(paired: PairedRows, facet: Facet, *, fewest: int) -> Iterator[Part]:
    before, after = paired.before.correct, paired.after.correct
    for part in single_slices([facet]):
        inside = part.rows()
        if (rows := int(inside.sum())) >= fewest:
            lost, won = int((inside & before & ~after).sum()), int((inside & after & ~before).sum())
            shares = float(before[inside].mean()), float(after[inside].mean())
            yield Part(part.name, rows, *shares, lost, won, mcnemar_exact(lost, won), 1.0)


def _tested(parts: Sequence[Part]) -> tuple[Part, ...]:
    if not parts:
        return ()
    adjusted = benjamini_hochberg([part.p_value for part in parts]).tolist()
    found = [replace(part, q_value=q) for part, q in zip(parts, adjusted, strict=True)]
    return tuple(sorted(found, key=lambda part: (part.p_value, part.after - part.before, part.name)))
