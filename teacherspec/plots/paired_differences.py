"""Plot of paired differences: which metrics improved, which got worse, and which changes may be chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from teacherspec.plots.style import DPI, INK, MUTED, RIGHT, WRONG, drawing, save_png, writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AXIS, LINE = 0.9, 0.28
"""Inches that an axis and each of its lines take."""

LONGEST_NAME = 60
"""Characters of a metric's name."""


@dataclass(frozen=True)
class Drawn:
    """One line of the plot.

    Attributes:
        name: of the metric.
        value: after - before, turned so that positive is better.
        low: end of its interval.
        high: the other end.
        differs: whether it is significant.
        unit: of the value; lines of one unit share an axis.
    """

    name: str
    value: float
    low: float
    high: float
    differs: bool
    unit: str = "shares and nats"


def draw_differences(lines: Sequence[Drawn], path: Path) -> None:
    """Draw each difference with its interval around a line at zero; better is to the right.

    Raises:
        ValueError: no lines.
    """
    from matplotlib.figure import Figure

    if not lines:
        raise ValueError("lines: given none; expected one or more differences to draw")
    with drawing():
        by_unit = {unit: [one for one in lines if one.unit == unit] for unit in [one.unit for one in lines]}
        heights = [AXIS + LINE * len(group) for group in by_unit.values()]
        figure = Figure(figsize=(8.0, sum(heights)), dpi=DPI, layout="constrained")
        grid = figure.subplots(len(heights), squeeze=False, gridspec_kw={"height_ratios": heights})
        for axes, (unit, group) in zip(grid[:, 0], by_unit.items(), strict=True):
            _draw(axes, group)
            axes.set_xlabel(f"change on the same rows in {unit}, 95 % interval; better to the right")
        save_png(figure, path)


def _draw(axes: "Axes", lines: Sequence[Drawn]) -> None:
    axes.axvline(0.0, color=INK, linewidth=0.8)
    for place, line in enumerate(reversed(lines)):
        colour = MUTED if not line.differs else RIGHT if line.value > 0 else WRONG
        axes.plot([line.low, line.high], [place, place], color=colour, linewidth=2.0)
        axes.plot([line.value], [place], "o", color=colour, markersize=5)
    names = [writable(line.name, longest=LONGEST_NAME) for line in reversed(lines)]
    axes.set_yticks(range(len(lines)), names)
    axes.set_ylim(-0.6, len(lines) - 0.4)
    axes.grid(visible=False, axis="y")
