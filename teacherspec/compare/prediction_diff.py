"""The differences between the predictions of two teachers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from teacherspec.compare.flips_and_slices import Flips, GroupChange, compare_groups
from teacherspec.compare.paired_predictions import TOO_FEW, SideArtifacts, Sides
from teacherspec.compare.paired_tests import Hits, PairedTest, family


@dataclass(frozen=True)
class PredictionDiff:
    """The differences between the predictions of two teachers.

    Attributes:
        tests: of metrics, on the same rows.
        unchanged: names of metrics that are equal on every row, and so no tests.
        flips: of each split, rows that one side has right and the other wrong.
        classes: of the test split; empty where there are none.
        slices: of the test split.
        left_out: split → rows that could not be paired.
    """

    tests: tuple[PairedTest, ...] = ()
    unchanged: tuple[str, ...] = ()
    flips: tuple[Flips, ...] = ()
    classes: tuple[GroupChange, ...] = ()
    slices: tuple[GroupChange, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


Compare = Callable[[Sides, list[str]], PredictionDiff]
"""Compares predictions of one output type; adds to the list a sentence for everything not compared."""


class SplitPredictions(Protocol):
    """Predictions of a split."""

    @property
    def ids(self) -> Sequence[str]:
        """Ids of its rows."""


P = TypeVar("P", bound=SplitPredictions)


@dataclass(frozen=True)
class SplitDiff:
    """The differences between the predictions of one split.

    Attributes:
        tests: of metrics, not adjusted yet.
        flips: rows that became right or wrong; None where predictions are not right or wrong as a whole.
        hits: ids of the rows that are right or wrong, which are right before, and which after.
    """

    tests: Sequence[PairedTest]
    flips: Flips | None = None
    hits: tuple[Sequence[str], Hits, Hits] | None = None


def compare_splits(
    sides: Sides,
    not_compared: list[str],
    load: Callable[[SideArtifacts, str], P],
    compare: Callable[[str, P, P, list[str]], SplitDiff | None],
) -> PredictionDiff:
    """Compare every split whose rows are paired by id alone.

    Args:
        sides: two teachers.
        not_compared: gets a sentence for each split that cannot be compared.
        load: reads the predictions of a side for a split.
        compare: from a split, the predictions of both sides and two or more common ids to their differences;
            None where there are too few rows for it.
    """
    tests: list[PairedTest] = []
    flips: list[Flips] = []
    slices: tuple[GroupChange, ...] = ()
    left_out = {}
    for role, split in sides.splits():
        before, after = (load(side, split) for side in sides.both)
        ids = sides.common(before.ids, after.ids)
        if unpaired := len({*before.ids, *after.ids}) - len(ids):
            left_out[split] = unpaired
        found = compare(split, before, after, ids) if len(ids) > 1 else None
        if found is None:
            not_compared.append(TOO_FEW.format(split))
            continue
        tests += found.tests
        flips += [found.flips] if found.flips else []
        if role == "test" and found.hits and sides.prepared is not None:
            hit_ids, hits_before, hits_after = found.hits
            features = sides.prepared.content(split, hit_ids).slicing_features()
            slices = compare_groups(hits_before, hits_after, features)
    found_tests = family(tests)
    return PredictionDiff(
        tests=found_tests.tests,
        unchanged=found_tests.unchanged,
        flips=tuple(flips),
        slices=slices,
        left_out=left_out,
    )
