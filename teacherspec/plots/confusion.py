"""Confusions of classes: as a matrix, or as a list of the most frequent ones where there are many classes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.plots.style import DPI, GRID, INK, MUTED, RIGHT, WRONG, writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

READABLE = 40
"""Classes up to which every cell of the matrix is readable."""

MOST_CONFUSIONS = 30
"""Confusions listed where there are more classes than that."""


def confusion_figure(matrix: IntArray, label_names: Sequence[str], title: str) -> "Figure":
    """The matrix, or the most frequent confusions where it has too many classes; call it inside `drawing()`.

    Args:
        matrix: `[C, C]` counts, row = label, column = predicted label.
        label_names: C names.
        title: of the figure.
    """
    return (_matrix if len(label_names) <= READABLE else _list)(matrix, label_names, title)


def neighbours(matrix: IntArray) -> IntArray:
    """An order of the classes `[C]` in which those mistaken for each other stand side by side.

    Average-linkage clustering with optimal leaf order (Bar-Joseph, Gifford & Jaakkola 2001) on the share
    of rows mistaken in either direction.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(matrix) < 3:
        return np.arange(len(matrix))
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    distance = 1.0 - np.minimum(share + share.T, 1.0)
    np.fill_diagonal(distance, 0.0)
    order: IntArray = leaves_list(linkage(squareform(distance), "average", optimal_ordering=True))
    return order.astype(np.int64)


def _matrix(matrix: IntArray, label_names: Sequence[str], title: str) -> "Figure":
    from matplotlib.figure import Figure

    order = neighbours(matrix)
    counts = matrix[np.ix_(order, order)]
    names = [writable(label_names[k]) for k in order]
    side = max(4.0, 0.34 * len(names) + 2.2)
    figure = Figure(figsize=(side, side), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.imshow(_colours(counts), interpolation="nearest")
    for label, guess in zip(*np.nonzero(counts), strict=True):
        axes.text(
            guess,
            label,
            str(counts[label, guess]),
            ha="center",
            va="center",
            fontsize=7,
            color="white" if label == guess and counts[label, guess] > 0.7 * counts[label].sum() else INK,
        )
    axes.set_xticks(range(len(names)), names, rotation=50, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set(title=title, xlabel="predicted", ylabel="label")
    _cells(axes, len(names))
    return figure


def _colours(counts: IntArray) -> FloatArray:
    """`[C, C, 3]`: share of the label's rows, right ones in one hue, wrong ones in another and stronger."""
    from matplotlib.colors import to_rgb

    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right = np.eye(len(counts), dtype=bool)
    strength = np.where(right, share, np.minimum(1.0, 0.15 + 1.7 * share) * (counts > 0))[..., None]
    hue = np.where(right[..., None], to_rgb(RIGHT), to_rgb(WRONG))
    colours: FloatArray = 1.0 - strength * (1.0 - hue)
    return colours


def _cells(axes: "Axes", classes: int) -> None:
    """Thin lines between cells instead of a frame around them."""
    axes.grid(visible=False)
    edges = np.arange(classes + 1) - 0.5
    for draw_lines in (axes.hlines, axes.vlines):
        draw_lines(edges, edges[0], edges[-1], color=GRID, linewidth=0.6)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _list(matrix: IntArray, label_names: Sequence[str], title: str) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    flat = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSIONS]
    pairs = [divmod(int(cell), len(matrix)) for cell in flat if wrong.flat[cell] > 0]
    figure = Figure(figsize=(8.6, 1.2 + 0.21 * max(len(pairs), 3)), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    values = [int(wrong[pair]) for pair in pairs]
    axes.barh(range(len(pairs)), values, color=WRONG, alpha=0.85, height=0.68)
    for place, (label, guess) in enumerate(pairs):
        axes.annotate(
            f"{wrong[label, guess]} of {matrix[label].sum()}",
            (wrong[label, guess], place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=MUTED,
        )
    axes.set_yticks(
        range(len(pairs)), [f"{writable(label_names[i])}  →  {writable(label_names[j])}" for i, j in pairs]
    )
    axes.set(
        title=title,
        xlabel="rows of the label predicted so",
        xlim=(0, max(values, default=1) * 1.15),
        ylim=(len(pairs) - 0.4, -0.6),
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    return figure
