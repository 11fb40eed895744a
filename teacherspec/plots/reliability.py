"""Reliability diagrams with the confidence histogram and the noise band of a calibrated model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from teacherspec.metrics.reliability import ReliabilityBin
from teacherspec.plots.style import BAND, DPI, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SMALLEST, LARGEST = 12.0, 60.0
"""Areas of the markers of an almost empty and of the fullest bin, in square points."""


@dataclass(frozen=True)
class ReliabilityPanel:
    """One diagram.

    Attributes:
        title: what was measured.
        summary: a line of numbers, set below the title.
        colour: of the measured accuracies.
        bins: the numbers.
        accuracy: overall share of right predictions.
        mean_confidence: overall mean confidence.
    """

    title: str
    summary: str
    colour: str
    bins: Sequence[ReliabilityBin]
    accuracy: float
    mean_confidence: float


def reliability_figure(panels: Sequence[ReliabilityPanel]) -> "Figure":
    """Diagrams side by side; call it inside `style.drawing()`.

    Above: accuracy of each bin with its interval against mean confidence, and the grey band where the
    accuracies of a perfectly calibrated model with the same confidences fall. Below: how the confidences
    are spread, with overall accuracy and mean confidence.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.3 * len(panels) + 0.2, 5.3), dpi=DPI, layout="constrained")
    axes = figure.subplots(2, len(panels), sharex=True, squeeze=False, height_ratios=[3.2, 1.0])
    highest = max(bin_.count for panel in panels for bin_ in panel.bins)
    for column, panel in enumerate(panels):
        _draw_diagram(axes[0, column], panel)
        _draw_histogram(axes[1, column], panel, highest)
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("rows")
    return figure


def _draw_diagram(axes: "Axes", panel: ReliabilityPanel) -> None:
    x = np.array([bin_.confidence for bin_ in panel.bins])
    y = np.array([bin_.accuracy.value for bin_ in panel.bins])
    count = np.array([bin_.count for bin_ in panel.bins])
    for bin_ in panel.bins:
        axes.fill_between(
            [bin_.lower, bin_.upper],
            bin_.band_low,
            bin_.band_high,
            color=BAND,
            alpha=0.55,
            linewidth=0,
            zorder=1,
        )
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), zorder=2)
    axes.plot(x, y, color=panel.colour, linewidth=1.1, alpha=0.4, zorder=3)
    axes.vlines(
        x,
        [bin_.accuracy.low for bin_ in panel.bins],
        [bin_.accuracy.high for bin_ in panel.bins],
        color=panel.colour,
        linewidth=1.2,
        alpha=0.75,
        zorder=3,
    )
    # Larger for bins with more rows, so that bins with few, noisy rows do not dominate.
    axes.scatter(
        x,
        y,
        s=SMALLEST + (LARGEST - SMALLEST) * np.sqrt(count / count.max()),
        color=panel.colour,
        edgecolor="white",
        linewidth=0.8,
        clip_on=False,
        zorder=4,
    )
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title(panel.title, pad=20)
    axes.text(0.0, 1.015, panel.summary, transform=axes.transAxes, color=MUTED, fontsize=8, va="bottom")


def _draw_histogram(axes: "Axes", panel: ReliabilityPanel, highest: int) -> None:
    lower = [bin_.lower for bin_ in panel.bins]
    axes.bar(
        lower,
        [bin_.count for bin_ in panel.bins],
        width=[bin_.upper - bin_.lower for bin_ in panel.bins],
        align="edge",
        color=panel.colour,
        alpha=0.75,
        edgecolor="white",
        linewidth=0.6,
    )
    axes.axvline(panel.accuracy, color=INK, linewidth=1.1, label=f"accuracy {panel.accuracy:.3f}")
    axes.axvline(
        panel.mean_confidence,
        color=INK,
        linewidth=1.1,
        linestyle=(0, (2, 2)),
        label=f"mean confidence {panel.mean_confidence:.3f}",
    )
    axes.set(xlabel="confidence", ylim=(0, highest * 1.08))
    axes.legend(loc="upper left", handlelength=1.6)
