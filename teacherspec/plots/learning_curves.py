"""Learning curves: the loss on train batches, and loss and accuracy on the validation split."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from teacherspec.metrics.scores.validation import FloatArray
from teacherspec.plots.style import BEFORE, DPI, INK, MUTED, RIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMOOTHED_OVER = 20
"""Part of the steps (one in so many) over which the train loss is averaged."""


@dataclass(frozen=True)
class Learning:
    """The log of a training.

    Attributes:
        step_epoch: `[S]` epoch at each logged step.
        step_loss: `[S]` loss of its batch, as optimised.
        epoch: `[E]` epoch at each evaluation.
        nll: `[E]` validation loss, nats a row.
        accuracy: `[E]` validation accuracy.
        best_epoch: at which the selected checkpoint was written.
    """

    step_epoch: Sequence[float]
    step_loss: Sequence[float]
    epoch: Sequence[float]
    nll: Sequence[float]
    accuracy: Sequence[float]
    best_epoch: float


def learning_figure(log: Learning) -> "Figure":
    """Loss and accuracy side by side; call it inside `drawing()`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.8, 3.4), dpi=DPI, layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    loss.plot(log.step_epoch, log.step_loss, color=BEFORE, linewidth=0.7, alpha=0.3)
    loss.plot(
        log.step_epoch, smoothed(log.step_loss), color=BEFORE, linewidth=1.6, label="train, as optimised"
    )
    _measured(loss, log.epoch, log.nll, "validation, plain")
    loss.set(title="Loss", xlabel="epoch", ylabel="nats a row")
    loss.set_ylim(bottom=0)
    _measured(accuracy, log.epoch, log.accuracy, "validation")
    accuracy.set(title="Accuracy", xlabel="epoch", ylabel="share of rows right")
    accuracy.set_ylim(0, 1)
    for axes, place in ((loss, "upper right"), (accuracy, "lower right")):
        axes.set_xlim(left=0)
        axes.axvline(
            log.best_epoch,
            color=MUTED,
            linewidth=1.0,
            linestyle=(0, (4, 3)),
            label="selected checkpoint",
            zorder=1,
        )
        axes.legend(loc=place, labelcolor=INK, frameon=True, edgecolor="none", framealpha=0.9)
    return figure


def smoothed(values: Sequence[float]) -> FloatArray:
    """Mean `[S]` of the values around each one, over a twentieth of them; shorter at the ends."""
    width = max(1, len(values) // SMOOTHED_OVER)
    sums = np.concatenate(([0.0], np.cumsum(values)))
    place = np.arange(len(values))
    first = np.maximum(place - width // 2, 0)
    last = np.minimum(place + width // 2 + 1, len(values))
    mean: FloatArray = (sums[last] - sums[first]) / (last - first)
    return mean


def _measured(axes: "Axes", epoch: Sequence[float], values: Sequence[float], label: str) -> None:
    axes.plot(
        epoch,
        values,
        color=RIGHT,
        linewidth=1.6,
        marker="o",
        markersize=4.5,
        markeredgecolor="white",
        markeredgewidth=0.7,
        label=label,
    )
