"""Risk-coverage curves: the error rate if only the most confident predictions were used."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teacherspec.metrics.selective_prediction import RiskCoverage
from teacherspec.plots.style import DPI

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class RiskLine:
    """One curve.

    Attributes:
        label: for the legend.
        colour: of the line.
        curve: the numbers.
    """

    label: str
    colour: str
    curve: RiskCoverage


def risk_coverage_figure(lines: Sequence[RiskLine], title: str) -> "Figure":
    """Curves in one diagram; call it inside `style.drawing()`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for line in lines:
        axes.plot(line.curve.coverage, line.curve.risk, color=line.colour, linewidth=1.6, label=line.label)
    axes.set(title=title, xlabel="coverage (share of rows, most confident first)", ylabel="error rate")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left")
    return figure
