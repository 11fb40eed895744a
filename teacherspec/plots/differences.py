"""Picture of paired differences: what got better, what worse, and what may be chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from teacherspec.plots.style import DPI, INK, MUTED, RIGHT, WRONG, drawing, save_png, writable


@dataclass(frozen=True)
class Drawn:
    """One line of the picture.

    Attributes:
        name: of the metric.
        value: after - before, turned so that positive is better.
        low: end of its interval.
        high: the other end.
        differs: whether chance does not explain it.
    """

    name: str
    value: float
    low: float
    high: float
    differs: bool


def draw_differences(lines: Sequence[Drawn], path: Path) -> None:
    """Draw each difference with its interval around a line at zero; better is to the right.

    Raises:
        ValueError: no lines.
    """
    from matplotlib.figure import Figure

    if not lines:
        raise ValueError("lines: given none; expected one or more differences to draw")
    with drawing():
        figure = Figure(figsize=(7.0, 0.9 + 0.28 * len(lines)), dpi=DPI, layout="constrained")
        axes = figure.subplots()
        axes.axvline(0.0, color=INK, linewidth=0.8)
        for place, line in enumerate(reversed(lines)):
            colour = MUTED if not line.differs else RIGHT if line.value > 0 else WRONG
            axes.plot([line.low, line.high], [place, place], color=colour, linewidth=2.0)
            axes.plot([line.value], [place], "o", color=colour, markersize=5)
        axes.set_yticks(range(len(lines)), [writable(line.name) for line in reversed(lines)])
        axes.set_ylim(-0.6, len(lines) - 0.4)
        axes.set_xlabel("change on the same rows, 95 % interval; better to the right")
        axes.grid(visible=False, axis="y")
        save_png(figure, path)
