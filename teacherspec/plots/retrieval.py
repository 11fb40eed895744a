"""Plots of retrieval: recall at k, and cosines of right and wrong pairs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from teacherspec.metrics.scores.retrieval import Ranks
from teacherspec.metrics.scores.validation import FloatArray
from teacherspec.plots.style import BEFORE, DPI, MUTED, RIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST_K = 50
BINS = 60


def rank_figure(by_direction: Mapping[str, Ranks], title: str) -> "Figure":
    """Recall against k, with that of a random order; call it inside `style.drawing()`.

    Args:
        by_direction: direction → ranks.
        title: of the plot.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for colour, (name, ranks) in zip((RIGHT, BEFORE), by_direction.items(), strict=True):
        k = np.arange(1, min(LARGEST_K, ranks.candidates) + 1)
        label = f"{name.replace('_', ' ')}, {ranks.candidates} candidates"
        axes.plot(k, [ranks.recall(int(one)) for one in k], color=colour, linewidth=1.6, label=label)
        chance = [ranks.chance(int(one)) for one in k]
        axes.plot(k, chance, color=colour, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.plot([], [], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), label="by chance")
    axes.set(title=title, xlabel="k nearest", ylabel="share of queries with a right one")
    axes.set_ylim(0, 1)
    axes.legend(loc="lower right")
    return figure


def similarity_figure(right: FloatArray, wrong: FloatArray, title: str) -> "Figure":
    """Cosines of right and of wrong pairs, each as a density; call it inside `style.drawing()`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 3.8), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    low, high = min(right.min(), wrong.min()), max(right.max(), wrong.max())
    edges = np.linspace(low, max(high, low + 1e-3), BINS).tolist()
    for colour, values, name in ((MUTED, wrong, "wrong"), (RIGHT, right, "right")):
        axes.hist(values, edges, density=True, color=colour, alpha=0.55, label=name)
    axes.set(title=title, xlabel="cosine of image and text", ylabel="density")
    axes.legend(loc="upper left")
    return figure
