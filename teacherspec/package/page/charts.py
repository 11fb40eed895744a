"""Line charts as coordinates of a picture, which a template draws as SVG in the colours of the theme."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

WIDTH, HEIGHT = 360.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 8.0, 8.0, 36.0
"""Margins of the frame within the picture."""

TICKS = 5
"""Numbers along an axis, about."""

TABLE_ROWS = 12
"""Points of a line that the text alternative lists, at most."""


@dataclass(frozen=True)
class Line:
    """A line.

    Attributes:
        name: what it shows.
        points: `(x, y)` in ascending order of x.
        style: `main`, `second`, `third` or `faint`; colour and dashes.
        marked: whether its points are marked.
    """

    name: str
    points: Sequence[tuple[float, float]]
    style: str = "main"
    marked: bool = False


@dataclass(frozen=True)
class Chart:
    """Lines over common axes.

    Attributes:
        title: what is shown.
        x: what is along the lower axis, with its unit.
        y: what is along the left axis, with its unit.
        lines: with at least one point together.
        vertical: an x to mark, with what it is.
        from_zero: whether the left axis starts at 0, as for losses and errors.
    """

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    vertical: tuple[float, str] | None = None
    from_zero: bool = True

    @cached_property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Place and text of each number along the lower axis."""
        return [(self.place(tick, 0.0)[0], f"{tick:g}") for tick in self._ticks[0]]

    @cached_property
    def y_ticks(self) -> list[tuple[float, str]]:
        """The same along the left axis."""
        return [(self.place(0.0, tick)[1], f"{tick:g}") for tick in self._ticks[1]]

    def path(self, line: Line) -> str:
        """Points of a line for an SVG polyline."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.place(*point) for point in line.points))

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is in the picture."""
        (left, *_, right), (low, *_, high) = self._ticks
        return (
            LEFT + (x - left) / (right - left) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM),
        )

    def listed(self, line: Line) -> Sequence[tuple[float, float]]:
        """Some points of a line, for a reader who does not see it."""
        last = len(line.points) - 1
        places = range(last + 1) if last < TABLE_ROWS else _spread(last, TABLE_ROWS)
        return [line.points[place] for place in places]

    @cached_property
    def _ticks(self) -> tuple[list[float], list[float]]:
        points = [point for line in self.lines for point in line.points]
        return _ticks([x for x, _ in points]), _ticks(
            [*([0.0] if self.from_zero else []), *(y for _, y in points)]
        )


def _spread(last: int, count: int) -> list[int]:
    return [round(place * last / (count - 1)) for place in range(count)]


def _ticks(values: Sequence[float]) -> list[float]:
    """Round numbers around all values."""
    from matplotlib.ticker import MaxNLocator

    low, high = min(values), max(values)
    if low == high:
        high = low + 1.0
    locator = MaxNLocator(nbins=TICKS, steps=[1, 2, 2.5, 5, 10])
    return [round(float(tick), 10) for tick in locator.tick_values(low, high)]
