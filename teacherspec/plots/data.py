"""How many rows each class has, and how long the rows of each split are."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from teacherspec.plots.style import AFTER, BEFORE, DPI, MUTED, writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CLASSES = 40
"""Classes drawn; of more, the smallest."""

LENGTHS_INCHES = 2.6
"""Height of the panel of lengths."""

COLOURS = (AFTER, "#3b8a5a", "#8b5fb0", BEFORE, "#b08900", MUTED)
"""Colours of the splits, in turn."""


def data_figure(classes: Mapping[str, int], lengths: Mapping[str, Sequence[int]]) -> "Figure":
    """Rows of each class and the distribution of lengths; call it inside `drawing()`.

    Args:
        classes: label → rows in train; empty for tasks without classes.
        lengths: split → lengths in characters at equally spaced quantiles, from the least to the greatest.
    """
    from matplotlib.figure import Figure

    drawn = sorted(classes.items(), key=lambda found: (found[1], found[0]))[:MOST_CLASSES]
    heights = [LENGTHS_INCHES, *([0.9 + 0.17 * len(drawn)] if drawn else [])]
    figure = Figure(figsize=(7.2, sum(heights)), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    _draw_lengths(panels[0], lengths)
    if drawn:
        _draw_classes(panels[1], drawn, len(classes))
    return figure


def _draw_classes(axes: "Axes", drawn: Sequence[tuple[str, int]], total: int) -> None:
    axes.barh(range(len(drawn)), [rows for _, rows in drawn], color=COLOURS[0], height=0.7)
    axes.set_yticks(range(len(drawn)), [writable(label) for label, _ in drawn])
    some = f", the smallest {len(drawn)} of {total}" if len(drawn) < total else ""
    axes.set(title=f"Rows of each class in train{some}", ylim=(len(drawn) - 0.4, -0.6))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def _draw_lengths(axes: "Axes", lengths: Mapping[str, Sequence[int]]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    for number, (split, quantiles) in enumerate(lengths.items()):
        shares = [at / max(1, len(quantiles) - 1) for at in range(len(quantiles))]
        axes.plot(quantiles, shares, color=COLOURS[number % len(COLOURS)], linewidth=1.3, label=split)
    axes.set(
        title="Length of the rows of each split",
        xlabel="characters",
        ylabel="share of rows up to this length",
        ylim=(0, 1),
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="lower right")
