"""A student that reads a text as a bag of n-grams: TF-IDF, and one hidden layer or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from teacherspec.errors import DataError
from teacherspec.probe.encoders.inputs import Inputs
from teacherspec.spec.probe.students import NgramEncoder

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Bags = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Indices of features, where each row begins among them, and their weights."""


@dataclass(frozen=True)
class SparseRows:
    """Rows of TF-IDF weights.

    Attributes:
        weights: `[N, F]`.
    """

    weights: "csr_matrix"

    def __len__(self) -> int:
        return int(self.weights.shape[0])

    def batch(self, rows: npt.NDArray[np.intp]) -> Bags:
        """Bags of some rows."""
        part = self.weights[rows]
        indices, starts = (
            torch.from_numpy(column.astype(np.int64)) for column in (part.indices, part.indptr[:-1])
        )
        return indices, starts, torch.from_numpy(part.data)


def encode(
    student: NgramEncoder, train: Sequence[str], sets: Mapping[str, Sequence[str]]
) -> dict[str, Inputs]:
    """TF-IDF of all texts, with n-grams and frequencies of the train texts, which are under `train`.

    Raises:
        DataError: no train text has an n-gram.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        analyzer="word" if student.unit == "word" else "char_wb",
        ngram_range=(1, student.longest),
        max_features=student.features,
        sublinear_tf=True,
        dtype=np.float32,
    )
    try:
        found: dict[str, Inputs] = {"train": SparseRows(vectorizer.fit_transform(train).tocsr())}
    except ValueError as error:
        raise DataError(
            f"probe.students: no train text has a {student.unit} of two letters or more ({error}); "
            "declare unit: character"
        ) from None
    return found | {name: SparseRows(vectorizer.transform(texts).tocsr()) for name, texts in sets.items()}


class BagOfNgramsArms(torch.nn.Module):
    """The students of all arms, laid out as one: their first layers share the look-up of features."""

    def __init__(self, student: NgramEncoder, features: int, classes: int, arms: int, seed: int) -> None:
        """Draw the weights of one student, and give a copy to each arm.

        Args:
            student: as declared.
            features: F.
            classes: C.
            arms: A.
            seed: of the weights.
        """
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.arms, self.width = arms, student.hidden or classes
        first = torch.randn(features, self.width, generator=draw) * FIRST_LAYER_SD
        self.first = torch.nn.Parameter(first.repeat(1, arms))
        self.shift = torch.nn.Parameter(torch.zeros(arms * self.width))
        self.last: torch.nn.Parameter | None = None
        if student.hidden:
            last = torch.randn(student.hidden, classes, generator=draw) / student.hidden**0.5
            self.last = torch.nn.Parameter(last.repeat(arms, 1, 1))
            self.offset = torch.nn.Parameter(torch.zeros(arms, 1, classes))

    def forward(self, bags: Bags) -> torch.Tensor:
        """Logits `[A, B, C]`."""
        indices, starts, weights = bags
        first = functional.embedding_bag(indices, self.first, starts, mode="sum", per_sample_weights=weights)
        by_arm = (first + self.shift).view(len(starts), self.arms, self.width).transpose(0, 1)
        if self.last is None:
            return by_arm
        return torch.bmm(functional.relu(by_arm), self.last) + self.offset


FIRST_LAYER_SD = 0.3
"""Standard deviation of the first layer's weights. Rows have length 1, so units start with this one too."""


def build(student: NgramEncoder, inputs: Inputs, classes: int, arms: int, seed: int) -> torch.nn.Module:
    """The students of all arms with the weights of a seed."""
    if not isinstance(inputs, SparseRows):
        raise TypeError(f"{type(inputs).__name__}: not what `encode` gives")
    return BagOfNgramsArms(student, int(inputs.weights.shape[1]), classes, arms, seed)
