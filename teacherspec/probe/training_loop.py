"""The training of all arms of a student at once: one seed, one budget, shared batches, on one thread."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from teacherspec.errors import UserError
from teacherspec.runtime.progress import with_progress
from teacherspec.spec.probe.students import TrainedStudent

SCORED_EPOCHS = 10
"""Most epochs after which students are scored: it bounds memory."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Small layers gain nothing from more threads, and sums depend on their number on some of them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def scored_epochs(epochs: int) -> list[int]:
    """Epochs after which students are scored: evenly spaced, the last among them."""
    points = np.linspace(0, epochs, min(epochs, SCORED_EPOCHS) + 1)[1:]
    return [round(float(point)) for point in points]


def train_arms(
    model: torch.nn.Module,
    backward: Callable[[npt.NDArray[np.intp]], float],
    rows: npt.NDArray[np.intp],
    student: TrainedStudent,
    seed: int,
) -> Iterator[int]:
    """Train, yielding each epoch after which students are to be scored.

    Args:
        model: of all arms, with the same weights.
        backward: adds the gradients of the arms' losses on a batch, of rows by their places, and returns the
            sum of the losses.
        rows: places of the rows that are learned from.
        student: how it is trained.
        seed: of the order of rows.

    Raises:
        UserError: a loss is not finite.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=student.learning_rate, weight_decay=student.weight_decay, fused=True
    )
    order = np.random.default_rng([seed, len(rows)])
    scored = scored_epochs(student.epochs)
    epochs = range(1, student.epochs + 1)
    for epoch in with_progress(epochs, f"probe: {student.kind}", student.epochs, unit="epochs"):
        model.train()
        shuffled = rows[order.permutation(len(rows))]
        for start in range(0, len(shuffled), student.batch_size):
            optimizer.zero_grad()
            value = backward(shuffled[start : start + student.batch_size])
            optimizer.step()
        if not math.isfinite(value):
            raise UserError(
                f"probe.students: the loss of {student.kind} is not finite in epoch {epoch}; "
                f"declare a lower learning_rate (given {student.learning_rate:g})"
            )
        if epoch in scored:
            yield epoch
