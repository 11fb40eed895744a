"""Plots of generation: loss by position in the answer, and lengths of answers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from teacherspec.plots.style import BAND, BEFORE, DPI, MUTED, RIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def position_figure(losses: Sequence[npt.NDArray[np.float64]], title: str) -> "Figure":
    """Mean loss (nats) by position in the answer, with its quartiles; call it inside `style.drawing()`.

    Args:
        losses: one array of losses a position, none empty.
        title: of the plot.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    position = np.arange(1, len(losses) + 1)
    low, high = (np.array([np.quantile(part, share) for part in losses]) for share in (0.25, 0.75))
    axes.fill_between(position, low, high, color=BAND, alpha=0.55, linewidth=0, label="quartiles")
    axes.plot(position, [part.mean() for part in losses], color=RIGHT, linewidth=1.6, label="mean")
    axes.set(title=title, xlabel="position of the token in the answer", ylabel="nats")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right")
    return figure


def length_figure(lengths: Sequence[tuple[int, int]], title: str) -> "Figure":
    """Length of each answer against that of its nearest reference; call it inside `style.drawing()`.

    Args:
        lengths: (characters of the reference, characters of the answer).
        title: of the plot.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 3.8), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    reference, answer = np.asarray(lengths).T
    longest = max(1, int(reference.max()), int(answer.max()))
    axes.plot([0, longest], [0, longest], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.scatter(reference, answer, s=9, color=BEFORE, alpha=0.6, linewidth=0)
    axes.set(title=title, xlabel="characters of the reference", ylabel="characters of the answer")
    return figure
