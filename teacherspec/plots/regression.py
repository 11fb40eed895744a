"""Plots of scores: predicted against labelled, and the coverage of intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy.typing as npt

from teacherspec.plots.style import BAND, DPI, MUTED, RIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def score_figure(
    scores: npt.ArrayLike, labels: npt.ArrayLike, title: str, radius: float | None = None
) -> "Figure":
    """Scores `[N]` against labels `[N]`; call it inside `style.drawing()`.

    Args:
        scores: predicted.
        labels: of the rows.
        title: of the plot.
        radius: half the width of the interval around each score, drawn as a band; None for none.
    """
    import numpy as np
    from matplotlib.figure import Figure

    own, given = np.asarray(scores, np.float64), np.asarray(labels, np.float64)
    figure = Figure(figsize=(4.2, 4.0), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    ends = [float(min(own.min(), given.min())), float(max(own.max(), given.max()))]
    if radius is not None:
        axes.fill_between(ends, [e - radius for e in ends], [e + radius for e in ends], color=BAND, alpha=0.6)
    axes.plot(ends, ends, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.scatter(own, given, s=8, color=RIGHT, alpha=0.5, linewidths=0)
    axes.set(title=title, xlabel="predicted score", ylabel="score of the row")
    return figure


def coverage_figure(
    levels: Sequence[float], shares: Sequence[float], noise: Sequence[float], title: str
) -> "Figure":
    """Share of scores within the interval against the level it was fitted for, with the noise of the rows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.0), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    low, high = ([level + sign * one for level, one in zip(levels, noise, strict=True)] for sign in (-1, 1))
    axes.fill_between(levels, low, high, color=BAND, alpha=0.6, label="noise of as many rows")
    axes.plot(levels, levels, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.plot(levels, shares, color=RIGHT, linewidth=1.6, marker="o", markersize=3, label="measured")
    axes.set(title=title, xlabel="level", ylabel="share of scores in the interval")
    axes.legend(loc="upper left")
    return figure
