"""What the predictions of both sides tell together, by the form of the predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from teacherspec.review.paired import PairedTest
from teacherspec.review.parts import Flips, Part
from teacherspec.review.sides import Sides


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
