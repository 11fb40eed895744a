"""The training of all arms of a student of a classifier at once: one seed, one budget, shared batches."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from teacherspec.errors import UserError
from teacherspec.predictions.classification import NO_LABEL
from teacherspec.probe.arms import Arm
from teacherspec.probe.outcome import RowScores
from teacherspec.spec.probe import TrainedStudent

SCORED_AT_ONCE = 1024
"""Rows of a forward pass without gradients."""

SCORED_EPOCHS = 10
"""Most epochs after which students are scored: it bounds memory."""


class Inputs(Protocol):
    """Encoded rows, of which batches are taken."""

    def __len__(self) -> int:
        """Number of rows."""

    def batch(self, rows: npt.NDArray[np.intp]) -> Any:
        """Model inputs of some rows."""


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


def scored_epochs(epochs: int) -> list[int]:
    """Epochs after which students are scored: evenly spaced, the last among them."""
    points = np.linspace(0, epochs, min(epochs, SCORED_EPOCHS) + 1)[1:]
    return [round(float(point)) for point in points]


def train_arms(
    model: torch.nn.Module, lesson: Lesson, arms: Sequence[Arm], student: TrainedStudent, seed: int
) -> Iterator[int]:
    """Train, yielding each epoch after which students are to be scored.

    Args:
        model: from a batch to logits `[A, B, C]`, every arm with the same weights.
        lesson: rows and targets.
        arms: `[A]`.
        student: how it is trained.
        seed: of the order of rows.

    Raises:
        UserError: a loss is not finite.
    """
    labels, targets = torch.from_numpy(lesson.labels), torch.from_numpy(lesson.targets)
    loss = ArmLoss(arms)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=student.learning_rate, weight_decay=student.weight_decay, fused=True
    )
    order = np.random.default_rng([seed, len(lesson.rows)])
    scored = scored_epochs(student.epochs)
    for epoch in range(1, student.epochs + 1):
        model.train()
        shuffled = lesson.rows[order.permutation(len(lesson.rows))]
        for start in range(0, len(shuffled), student.batch_size):
            rows = shuffled[start : start + student.batch_size]
            optimizer.zero_grad()
            value = loss(model(lesson.inputs.batch(rows)), labels[rows], targets[:, rows])
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        if not torch.isfinite(value):
            raise UserError(
                f"probe.students: the loss of {student.kind} is not finite in epoch {epoch}; "
                f"declare a lower learning_rate (given {student.learning_rate:g})"
            )
        if epoch in scored:
            yield epoch


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
    """Train one seed on one budget; scores `[1, K, A, N]` of each set."""
    found: dict[str, list[RowScores]] = {name: [] for name in sets}
    for _ in train_arms(model, lesson, arms, student, seed):
        for name, (inputs, labels) in sets.items():
            found[name].append(score(model, inputs, labels, len(arms)))
    return {name: RowScores.joined(epochs, axis=1) for name, epochs in found.items()}
