"""Students that classify by cosines of their embedding with a vector a class, and learn the teacher's."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from teacherspec.probe.arms import Arm
from teacherspec.probe.classification.rows import Embedded
from teacherspec.probe.classification.training import ArmLoss, Lesson
from teacherspec.probe.encoders.inputs import Inputs
from teacherspec.probe.encoders.kinds import ENCODERS
from teacherspec.probe.narrowed import narrowed
from teacherspec.probe.retrieval.students import FIRST_SCALE, LARGEST_SCALE
from teacherspec.spec.probe.students import ImageEmbedder


class EmbedderArms(torch.nn.Module):
    """An encoder, vectors of classes and a factor of cosines for every arm."""

    def __init__(
        self, encoder: torch.nn.Module, first_classes: torch.Tensor, first_scales: torch.Tensor
    ) -> None:
        """Start the vectors and factors.

        Args:
            encoder: from a batch to `[A, B, D]`.
            first_classes: `[A, C, D]`.
            first_scales: `[A]` logarithms.
        """
        super().__init__()
        self.first_classes: torch.Tensor
        self.first_scales: torch.Tensor
        self.encoder = encoder
        self.register_buffer("first_classes", first_classes)
        self.register_buffer("first_scales", first_scales)
        # What is learned is the change, so that weight decay leaves alone what nothing moves.
        self.of_classes = torch.nn.Parameter(torch.zeros_like(first_classes))
        self.of_scales = torch.nn.Parameter(torch.zeros_like(first_scales))

    def embed(self, batch: Any) -> torch.Tensor:
        """`[A, B, D]` of length 1."""
        return functional.normalize(self.encoder(batch), dim=2)

    def classify(self, embedded: torch.Tensor) -> torch.Tensor:
        """Logits `[A, B, C]` of embeddings `[A, B, D]`."""
        classes = functional.normalize(self.first_classes + self.of_classes, dim=2)
        scales = (self.first_scales + self.of_scales).clamp(max=LARGEST_SCALE).exp()
        return scales[:, None, None] * embedded @ classes.transpose(1, 2)

    def forward(self, batch: Any) -> torch.Tensor:
        """Logits `[A, B, C]`."""
        return self.classify(self.embed(batch))


def build(
    student: ImageEmbedder, inputs: Inputs, embedded: Embedded, arms: Sequence[Arm], seed: int
) -> EmbedderArms:
    """The students of all arms with the weights of a seed.

    Args:
        student: as declared.
        inputs: of the train rows.
        embedded: the teacher's space.
        arms: `[A]`.
        seed: of the weights.
    """
    space = embedded.classes
    _, own = narrowed(embedded.rows, space.classes, student.width)
    draw = torch.randn(own.shape, generator=torch.Generator().manual_seed(seed))
    sources = {True: torch.from_numpy(own), False: functional.normalize(draw, dim=1)}
    scales = [math.log(space.scale) if is_alone(arm) else FIRST_SCALE for arm in arms]
    return EmbedderArms(
        ENCODERS[student.image.kind].build(student.image, inputs, student.width, len(arms), seed),
        torch.stack([sources[arm.learns_embeddings] for arm in arms]),
        torch.tensor(scales),
    )


@dataclass(frozen=True)
class EmbeddingLesson(Lesson):
    """What the arms learn from where some learn embeddings.

    Attributes:
        distance: of these arms.
    """

    distance: "EmbeddingLoss"

    def loss(self, model: EmbedderArms, of_arms: ArmLoss, batch: npt.NDArray[np.intp]) -> torch.Tensor:
        """The sum of the arms' losses on the rows `batch`."""
        embedded = model.embed(self.inputs.batch(batch))
        return self.of_logits(model.classify(embedded), of_arms, batch) + self.distance(embedded, batch)


def is_alone(arm: Arm) -> bool:
    """Whether an arm learns the teacher's embeddings and nothing else."""
    return arm.targets == "embeddings" and arm.weight == 1


class EmbeddingLoss:
    """The weighted squared distances of the arms that learn the teacher's embeddings."""

    def __init__(self, arms: Sequence[Arm], embedded: Embedded, width: int, seed: int) -> None:
        """Take the teacher's embeddings of all train rows.

        Args:
            arms: `[A]`.
            embedded: N rows.
            width: of the student's embeddings.
            seed: of the rows whose embeddings a control gives to others.
        """
        self.places = [place for place, arm in enumerate(arms) if arm.learns_embeddings]
        self.weight = torch.tensor([arms[place].weight for place in self.places])
        own, _ = narrowed(embedded.rows, embedded.classes.classes, width)
        other = np.random.default_rng([seed, len(own)]).permutation(len(own))
        self.targets = torch.from_numpy(
            np.stack([own[other] if arms[at].targets == "shuffled_embeddings" else own for at in self.places])
        )

    def __call__(self, embedded: torch.Tensor, rows: npt.NDArray[np.intp]) -> torch.Tensor:
        """The sum over arms of embeddings `[A, B, D]` of the batch `rows`, each averaged over the batch."""
        distances = (embedded[self.places] - self.targets[:, rows]).square().sum(2)
        return (self.weight * distances.mean(1)).sum()
