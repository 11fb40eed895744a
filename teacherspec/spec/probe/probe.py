"""`params.yaml: probe`: the students that show what the teacher is worth."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from teacherspec.spec.probe.language_students import PretrainedLm, SmallLlama
from teacherspec.spec.probe.students import (
    BagOfNgrams,
    DualEncoder,
    ImageEmbedder,
    ImageResnet,
    ImageVit,
    TextCnn,
    TextTransformer,
)
from teacherspec.spec.section import Section

Student = Annotated[
    BagOfNgrams
    | TextCnn
    | TextTransformer
    | ImageResnet
    | ImageVit
    | ImageEmbedder
    | SmallLlama
    | PretrainedLm
    | DualEncoder,
    Field(discriminator="kind"),
]

FEWEST_ROWS = 2
"""Rows a class of the smallest budget: fewer leave a student nothing to generalise from."""

FEWEST_ANSWERS = 8
"""Rows of the smallest budget where rows have no classes."""

FEWEST_IMAGES = 10
"""Different images of the smallest budget of pairs: each is distinguished from the others."""

Share = Annotated[float, Field(gt=0.0, le=1.0)]


class Probe(Section):
    """Small students, taught with and without the teacher. Without any student, nothing is measured."""

    students: tuple[Student, ...] = Field(default=(), max_length=4)
    """Students of other architectures than the teacher's. The numbers of the first are the headline."""

    temperatures: tuple[Annotated[float, Field(gt=0.0, le=100.0)], ...] = Field(
        default=(1.0, 2.0, 4.0), min_length=1, max_length=8
    )
    """Distillation temperatures that are compared, ascending."""

    weights: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...] = Field(
        default=(0.3, 0.7), min_length=1, max_length=8
    )
    """Weights of the soft targets that are compared in a mix with labels, ascending; 1 is always compared."""

    seeds: int = Field(default=4, ge=2, le=64)
    """Trainings of each arm, with seeds 0, 1, …: initial weights, order of rows and the smaller budgets."""

    budgets: tuple[Share, ...] = Field(default=(0.25, 1.0), min_length=1, max_length=4)
    """Shares of the train rows that students learn from, ascending; the last gives the headline numbers."""

    max_rows: int = Field(default=10_000, ge=10, le=10_000_000)
    """Rows of any split that are used at most, drawn at random: it bounds time and memory."""

    smallest_lift: float = Field(default=0.005, ge=0.0, lt=1.0)
    """Smallest lift worth having, as a share: a lift that is surely below it has the verdict `does not`."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """Level of every interval."""

    @field_validator("temperatures", "weights", "budgets")
    @classmethod
    def _ascend(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(high <= low for low, high in pairwise(values)):
            raise ValueError("must ascend, each value once")
        return values

    def budget_problems(self, rows: int, classes: int) -> Iterator[str]:
        """Whether the smallest budget leaves a student something to learn from.

        Args:
            rows: of the train split, with a label.
            classes: of the task; 0 where rows have no classes.
        """
        smallest = math.floor(self.budgets[0] * min(rows, self.max_rows))
        if self.students and not classes and smallest < FEWEST_ANSWERS:
            yield (
                f"probe.budgets: {self.budgets[0]:g} of {min(rows, self.max_rows)} train rows are {smallest} "
                f"(needed: {FEWEST_ANSWERS}); declare a larger share, or give more rows"
            )
        if self.students and smallest < FEWEST_ROWS * classes:
            yield (
                f"probe.budgets: {self.budgets[0]:g} of {min(rows, self.max_rows)} train rows are {smallest} "
                f"for {classes} classes (needed: {FEWEST_ROWS} a class, {FEWEST_ROWS * classes}); declare a "
                "larger share, or give more rows"
            )

    def image_problems(self, images: int) -> Iterator[str]:
        """Whether the smallest budget leaves a student of pairs something to distinguish.

        Args:
            images: different ones of the train split.
        """
        smallest = math.floor(self.budgets[0] * images)
        if smallest < FEWEST_IMAGES:
            yield (
                f"probe.budgets: {self.budgets[0]:g} of {images} different train images are {smallest} "
                f"(needed: {FEWEST_IMAGES}); declare a larger share, or give more rows"
            )

    @model_validator(mode="after")
    def _students_differ(self) -> Self:
        if len(set(self.students)) < len(self.students):
            raise ValueError("declares the same student twice")
        return self
