"""`params.yaml: probe`: the students that show what the teacher is worth."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from teacherspec.spec.section import Section


class TrainedStudent(Section):
    """How a student is trained, whatever its architecture."""

    kind: str
    """The architecture."""

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


class ReadsWords(TrainedStudent):
    """How a student reads the words of a text in their order."""

    unit: Literal["word", "character"] = "word"
    """What a text is cut into; `character` for languages that write no spaces between words."""

    words: int = Field(default=4096, ge=2, le=1_000_000)
    """Units of the vocabulary: the most frequent of the train rows."""

    length: int = Field(default=64, ge=2, le=4096)
    """Units of a text that are read, from its beginning."""


class TextCnn(ReadsWords):
    """Embeddings, one convolution and the maximum over places (Kim 2014): reads windows of words."""

    kind: Literal["text_cnn"]
    """The architecture."""

    width: int = Field(default=32, ge=1, le=4096)
    """Width of the embeddings."""

    window: int = Field(default=3, ge=1, le=31)
    """Units that the convolution sees at once; odd, so that every unit is the middle of one window."""

    channels: int = Field(default=64, ge=1, le=4096)
    """Features of a window."""

    @field_validator("window")
    @classmethod
    def _has_a_middle(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError("must be odd")
        return window


class TextTransformer(ReadsWords):
    """A small BERT from scratch with a vocabulary of its own; a cost of minutes a seed."""

    kind: Literal["text_transformer"]
    """The architecture."""

    layers: int = Field(default=2, ge=1, le=12)
    """Layers."""

    heads: int = Field(default=4, ge=1, le=64)
    """Attention heads of a layer."""

    width: int = Field(default=64, ge=4, le=4096)
    """Width of the model: a multiple of `heads`."""

    learning_rate: float = Field(default=0.001, gt=0.0, le=1.0)
    """Of AdamW, constant."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of {self.heads} heads")
        return self


class ReadsPixels(TrainedStudent):
    """How a student sees an image: resized to a small square, without augmentation."""

    side: int = Field(default=32, ge=8, le=512)
    """Side of the square, pixels."""

    learning_rate: float = Field(default=0.001, gt=0.0, le=1.0)
    """Of AdamW, constant."""

    weight_decay: float = Field(default=0.05, ge=0.0, le=10.0)
    """Decoupled weight decay."""


class ImageResnet(ReadsPixels):
    """A small ResNet of basic blocks from scratch; a cost of minutes a seed."""

    kind: Literal["image_resnet"]
    """The architecture."""

    stages: int = Field(default=3, ge=1, le=4)
    """Stages of one block each; each doubles the channels."""

    width: int = Field(default=16, ge=4, le=512)
    """Channels of the first stage."""


class ImageVit(ReadsPixels):
    """A small ViT from scratch; a cost of minutes a seed."""

    kind: Literal["image_vit"]
    """The architecture."""

    patch: int = Field(default=4, ge=1, le=64)
    """Side of a patch, pixels: a divisor of `side`."""

    layers: int = Field(default=2, ge=1, le=12)
    """Layers."""

    heads: int = Field(default=4, ge=1, le=64)
    """Attention heads of a layer."""

    width: int = Field(default=64, ge=4, le=4096)
    """Width of the model: a multiple of `heads`."""

    @model_validator(mode="after")
    def _parts_divide(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of {self.heads} heads")
        if self.side % self.patch:
            raise ValueError(f"side {self.side} is no multiple of the patch's {self.patch}")
        return self


Student = Annotated[
    BagOfNgrams | TextCnn | TextTransformer | ImageResnet | ImageVit, Field(discriminator="kind")
]

FEWEST_ROWS = 2
"""Rows a class of the smallest budget: fewer leave a student nothing to generalise from."""

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
            classes: of the task.
        """
        smallest = math.floor(self.budgets[0] * min(rows, self.max_rows))
        if self.students and smallest < FEWEST_ROWS * classes:
            yield (
                f"probe.budgets: {self.budgets[0]:g} of {min(rows, self.max_rows)} train rows are {smallest} "
                f"for {classes} classes (needed: {FEWEST_ROWS} a class, {FEWEST_ROWS * classes}); declare a "
                "larger share, or give more rows"
            )

    @model_validator(mode="after")
    def _students_differ(self) -> Self:
        if len(set(self.students)) < len(self.students):
            raise ValueError("declares the same student twice")
        return self
