"""Recall of each class with its interval, the weakest on top."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teacherspec.metrics.scores.intervals import Interval
from teacherspec.plots.style import BAND, DPI, MUTED, RIGHT, WRONG, writable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CLASSES = 60
"""Classes drawn; of more, the weakest."""


@dataclass(frozen=True)
class ClassRecall:
    """One line of the figure.

    Attributes:
        name: of the class.
        support: rows with this label.
        recall: share of them that is found.
        weak: whether it is significantly worse than the other classes.
    """

    name: str
    support: int
    recall: Interval
    weak: bool


def recall_figure(classes: Sequence[ClassRecall], accuracy: Interval, title: str) -> "Figure":
    """Points with intervals against overall accuracy; call it inside `drawing()`."""
    from matplotlib.figure import Figure

    weakest = sorted(classes, key=lambda found: (found.recall.value, found.recall.high, found.name))
    drawn = weakest[:MOST_CLASSES]
    figure = Figure(figsize=(7.2, 1.3 + 0.2 * len(drawn)), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.axvspan(accuracy.low, accuracy.high, color=BAND, alpha=0.35, linewidth=0)
    axes.axvline(accuracy.value, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    for place, found in enumerate(drawn):
        colour = WRONG if found.weak else RIGHT
        axes.plot(
            [found.recall.low, found.recall.high], [place, place], color=colour, linewidth=1.4, alpha=0.7
        )
        axes.plot(
            found.recall.value,
            place,
            marker="o",
            markersize=5,
            color=colour,
            markeredgecolor="white",
            markeredgewidth=0.7,
            clip_on=False,
            zorder=3,
        )
    axes.set_yticks(range(len(drawn)), [f"{writable(found.name)}  ({found.support})" for found in drawn])
    axes.set(
        title=title
        if len(drawn) == len(classes)
        else f"{title}: the weakest {len(drawn)} of {len(classes)} classes",
        xlabel="recall (rows in brackets; dashed: accuracy over all classes)",
        xlim=(0, 1),
        ylim=(len(drawn) - 0.4, -0.6),
    )
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    return figure
