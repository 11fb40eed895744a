"""The loss of all arms of a student of a classifier, and what it knows of a row after an epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from teacherspec.predictions.classification import NO_LABEL
from teacherspec.probe.arms import Arm
from teacherspec.probe.encoders.inputs import Inputs
from teacherspec.probe.outcome import RowScores
from teacherspec.probe.training_loop import train_arms
from teacherspec.spec.probe.students import TrainedStudent

SCORED_AT_ONCE = 1024
"""Rows of a forward pass without gradients."""


@dataclass(frozen=True)
class Lesson:
    """What the arms learn from.

    Attributes:
        inputs: of N rows.
        labels: `[N]`; `NO_LABEL` where a row has none.
        targets: `[A, N, C]` distributions.
        rows: places of the rows of this budget.
    """

    inputs: Inputs
    labels: npt.NDArray[np.int64]
    targets: npt.NDArray[np.float32]
    rows: npt.NDArray[np.intp]

    def loss(self, model: Any, of_arms: "ArmLoss", batch: npt.NDArray[np.intp]) -> torch.Tensor:
        """The sum of the arms' losses on the rows `batch`."""
        return self.of_logits(model(self.inputs.batch(batch)), of_arms, batch)

    def of_logits(
        self, logits: torch.Tensor, of_arms: "ArmLoss", batch: npt.NDArray[np.intp]
    ) -> torch.Tensor:
        """The same from logits `[A, B, C]`."""
        labels, targets = torch.from_numpy(self.labels[batch]), torch.from_numpy(self.targets[:, batch])
        return of_arms(logits, labels, targets)


class ArmLoss:
    """The sum over arms of their mean losses of a batch: no arm moves the gradient of another."""

    def __init__(self, arms: Sequence[Arm]) -> None:
        self.temperature = torch.tensor([arm.temperature for arm in arms])[:, None, None]
        self.weight = torch.tensor([arm.weight for arm in arms])[:, None]

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of logits `[A, B, C]`, labels `[B]` and targets `[A, B, C]`, see docs/probe.md.

        The soft term is the cross-entropy, which differs from the divergence by what no student changes.
        """
        soft = -(targets * functional.log_softmax(logits / self.temperature, dim=2)).sum(2)
        soft = soft * self.temperature[:, :, 0] ** 2
        has_label = labels != NO_LABEL
        own = labels.clamp(min=0).expand(logits.shape[:2])
        hard = -functional.log_softmax(logits, dim=2).gather(2, own[:, :, None])[:, :, 0]
        labelled = self.weight * soft + (1 - self.weight) * hard
        # Of a row without a label every arm with soft targets for it learns what it would of any other.
        rows = torch.where(has_label, labelled, self.weight * soft)
        taught = torch.where(has_label, torch.ones_like(soft), (targets.sum(2) > 0).to(soft.dtype))
        return (rows.sum(1) / taught.sum(1).clamp(min=1)).sum()


def score(model: torch.nn.Module, inputs: Inputs, labels: npt.NDArray[np.int64], arms: int) -> RowScores:
    """Scores `[1, 1, A, N]` of rows at the weights as they are."""
    model.eval()
    parts = []
    with torch.inference_mode():
        for start in range(0, len(inputs), SCORED_AT_ONCE):
            rows = np.arange(start, min(start + SCORED_AT_ONCE, len(inputs)))
            logs = functional.log_softmax(model(inputs.batch(rows)), dim=2)
            own = torch.from_numpy(labels[rows]).expand(arms, -1)
            best, place = logs.max(2)
            nll = -logs.gather(2, own[:, :, None])[:, :, 0]
            right, nlls, confidence = (
                one.numpy()[None, None] for one in ((place == own).float(), nll, best.exp())
            )
            parts.append(RowScores(right, nlls, confidence))
    return RowScores.joined(parts, axis=3)


def train_and_score(
    model: torch.nn.Module,
    lesson: Lesson,
    arms: Sequence[Arm],
    student: TrainedStudent,
    seed: int,
    sets: Mapping[str, tuple[Inputs, npt.NDArray[np.int64]]],
) -> dict[str, RowScores]:
    """Train one seed on one budget; scores `[1, K, A, N]` of each set.

    Raises:
        UserError: a loss is not finite.
    """
    of_arms = ArmLoss(arms)

    def backward(rows: npt.NDArray[np.intp]) -> float:
        value = lesson.loss(model, of_arms, rows)
        value.backward()  # type: ignore[no-untyped-call]
        return value.item()

    found: dict[str, list[RowScores]] = {name: [] for name in sets}
    for _ in train_arms(model, backward, lesson.rows, student, seed):
        for name, (inputs, right) in sets.items():
            found[name].append(score(model, inputs, right, len(arms)))
    return {name: RowScores.joined(epochs, axis=1) for name, epochs in found.items()}
