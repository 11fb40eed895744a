"""What the predictions of both sides tell together, by the form of the predictions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from teacherspec.compare.flips_and_slices import Flips, Part, parts_moved
from teacherspec.compare.paired_predictions import TOO_FEW, Evaluated, Sides
from teacherspec.compare.paired_tests import Hits, PairedTest, adjusted


@dataclass(frozen=True)
class Answered:
    """What the predictions of both sides tell together.

    Attributes:
        tests: of metrics, on the same rows.
        flips: rows that one side has right and the other wrong, by split.
        classes: of the test split; empty where there are none.
        slices: of the test split.
        left_out: split → rows that could not be paired.
    """

    tests: tuple[PairedTest, ...] = ()
    flips: tuple[Flips, ...] = ()
    classes: tuple[Part, ...] = ()
    slices: tuple[Part, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


Compare = Callable[[Sides, list[str]], Answered]
"""Compares predictions of one form; adds a sentence for everything that it could not compare."""


class Predicted(Protocol):
    """Predictions of a split."""

    @property
    def ids(self) -> Sequence[str]:
        """Of its rows."""


P = TypeVar("P", bound=Predicted)


@dataclass(frozen=True)
class OfSplit:
    """What both sides tell of one split.

    Attributes:
        tests: of metrics, not adjusted yet.
        flips: what became right or wrong; None where nothing is right or wrong as a whole.
        judged: ids of the rows that are right or wrong, and which are, before and after.
    """

    tests: Sequence[PairedTest]
    flips: Flips | None = None
    judged: tuple[Sequence[str], Hits, Hits] | None = None


def compare_splits(
    sides: Sides,
    missing: list[str],
    load: Callable[[Evaluated, str], P],
    compare: Callable[[str, P, P, list[str]], OfSplit | None],
) -> Answered:
    """Compare every split whose rows are paired by id alone.

    Args:
        sides: two teachers.
        missing: gets a sentence for each split that cannot be compared.
        load: reads the predictions of a side.
        compare: tells of a split, the predictions of both and the ids that both have, at least two; None
            where these are too few for it.
    """
    tests: list[PairedTest] = []
    flips: list[Flips] = []
    slices: tuple[Part, ...] = ()
    left_out = {}
    for role, split in sides.splits():
        before, after = (load(side, split) for side in sides.both)
        ids = sides.common(before.ids, after.ids)
        if gone := len({*before.ids, *after.ids}) - len(ids):
            left_out[split] = gone
        found = compare(split, before, after, ids) if len(ids) > 1 else None
        if found is None:
            missing.append(TOO_FEW.format(split))
            continue
        tests += found.tests
        flips += [found.flips] if found.flips else []
        if role == "test" and found.judged and sides.contents is not None:
            names, *hits = found.judged
            slices = parts_moved(hits[0], hits[1], sides.contents.of(split, names).slicing_features())
    return Answered(tests=adjusted(tests), flips=tuple(flips), slices=slices, left_out=left_out)
