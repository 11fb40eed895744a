"""`params.yaml: probe`: the students that show what the teacher is worth."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from teacherspec.spec.section import Section


class TrainedStudent(Section):
    """How a student is trained, whatever its architecture."""

    epochs: int = Field(default=20, ge=1, le=1000)
    """Passes over the rows at most; each arm keeps the epoch that is best on rows that choose."""

    batch_size: int = Field(default=64, ge=1, le=65_536)
    """Rows per optimizer step."""

    learning_rate: float = Field(default=0.01, gt=0.0, le=1.0)
    """Of AdamW, constant."""

    weight_decay: float = Field(default=0.5, ge=0.0, le=10.0)
    """Decoupled weight decay. The defaults are those of the best student with labels only."""


class BagOfNgrams(TrainedStudent):
    """TF-IDF of n-grams and one hidden layer: reads a text without the order of its words. For texts."""

    kind: Literal["bag_of_ngrams"]
    """The architecture."""

    unit: Literal["word", "character"] = "word"
    """What n-grams consist of; `character` for languages that write no spaces between words."""

    longest: int = Field(default=1, ge=1, le=8)
    """Units of the longest n-gram; shorter ones are features too."""

    features: int = Field(default=4096, ge=2, le=1_000_000)
    """N-grams at most: the most frequent of the train rows."""

    hidden: int = Field(default=32, ge=0, le=4096)
    """Width of the hidden layer; 0 for a linear student."""


Student = Annotated[BagOfNgrams, Field()]

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

    @model_validator(mode="after")
    def _students_differ(self) -> Self:
        if len(set(self.students)) < len(self.students):
            raise ValueError("declares the same student twice")
        return self
