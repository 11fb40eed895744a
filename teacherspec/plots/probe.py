"""What a student gains: lift of each arm with its interval, and learning curves with and without teacher."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from teacherspec.metrics.scores.intervals import Interval
from teacherspec.plots.style import AFTER, BAND, BEFORE, DPI, INK, MUTED, writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 100
"""Points of a share."""

WITH_TEACHER, WITHOUT_TEACHER = AFTER, BEFORE

Part = Literal["recommended", "control", "other"]

COLOURS: Mapping[Part, str] = {"recommended": WITH_TEACHER, "control": BEFORE, "other": MUTED}


@dataclass(frozen=True)
class LiftLine:
    """One lift.

    Attributes:
        name: of the arm, or of set and rows.
        lift: as a share.
        part: what the arm is for.
    """

    name: str
    lift: Interval
    part: Part


@dataclass(frozen=True)
class CurvePanel:
    """Learning curves on one set.

    Attributes:
        name: of the set.
        arm: name of the taught arm.
        lines: (train rows, whether taught by labels only) → epoch and score of each point.
    """

    name: str
    arm: str
    lines: Mapping[tuple[int, bool], Sequence[tuple[int, float]]]


def lift_figure(arms: Sequence[LiftLine], sets: Sequence[LiftLine], smallest: float) -> "Figure":
    """Arms on test above, the recommended arm on every set below; call it inside `drawing()`."""
    from matplotlib.figure import Figure

    height = 1.8 + 0.24 * (len(arms) + len(sets))
    figure = Figure(figsize=(7.4, height), dpi=DPI, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(len(arms) + 0.6, len(sets) + 0.6))
    upper.set_xlim(*_range([*arms, *sets]))
    _lifts(upper, arms, smallest)
    _lifts(lower, sets, smallest)
    upper.set_title("Every arm on test, over the same student with labels only")
    lower.set_title("The recommended arm on every set")
    lower.set_xlabel("lift, points")
    legend: tuple[tuple[Part, str], ...] = (
        ("recommended", "recommended by rows that choose"),
        ("control", "controls: nothing of the row itself"),
    )
    handles = [
        upper.plot([], [], color=COLOURS[part], marker="o", markersize=5, linewidth=1.4, label=label)[0]
        for part, label in legend
    ]
    # Below the axes: inside, it hides the lifts that matter.
    figure.legend(handles=handles, loc="outside lower center", ncols=2, labelcolor=INK, frameon=False)
    return figure


def _lifts(axes: "Axes", lines: Sequence[LiftLine], smallest: float) -> None:
    axes.axvspan(0, POINTS * smallest, color=BAND, alpha=0.5, linewidth=0)
    axes.axvline(0, color=INK, linewidth=1.0)
    least = axes.get_xlim()[0]
    for place, line in enumerate(lines):
        colour = COLOURS[line.part]
        if POINTS * line.lift.high < least:
            axes.plot([least], [place], color=colour, marker="<", markersize=6, clip_on=False)
            text = f"{POINTS * line.lift.value:.1f}".replace("-", "−")
            axes.annotate(text, (least, place), (8, -3), textcoords="offset points", color=colour, fontsize=8)
            continue
        ends = [POINTS * line.lift.low, POINTS * line.lift.high]
        axes.plot(ends, [place, place], color=colour, linewidth=1.4)
        axes.plot([POINTS * line.lift.value], [place], color=colour, marker="o", markersize=5)
    axes.set_yticks(range(len(lines)), [writable(line.name) for line in lines])
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")


def _range(lines: Sequence[LiftLine]) -> tuple[float, float]:
    """Ends of the axis: all that is no control fits; a control far below is shown by an arrow."""
    shown = [line.lift for line in lines if line.part != "control"]
    low, high = (POINTS * bound for bound in (min(one.low for one in shown), max(one.high for one in shown)))
    margin = 0.12 * max(high - min(low, 0.0), 1.0)
    return min(low, 0.0) - 3 * margin, max(high, 0.0) + margin


def curves_figure(panels: Sequence[CurvePanel], score: str) -> "Figure":
    """A panel a set, all on one scale of the score in words; call it inside `drawing()`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4 * len(panels), 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for place, panel in zip(axes, panels, strict=True):
        most = max(rows for rows, _ in panel.lines)
        for (rows, labels_only), points in panel.lines.items():
            place.plot(
                [epoch for epoch, _ in points],
                [POINTS * score for _, score in points],
                color=WITHOUT_TEACHER if labels_only else WITH_TEACHER,
                linewidth=1.6,
                linestyle="-" if rows == most else (0, (4, 2)),
                label=f"{'labels only' if labels_only else writable(panel.arm)}, {rows:,} rows",
            )
        place.set(title=writable(panel.name), xlabel="epoch")
        place.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylabel(f"{score}, % (mean over seeds)")
    lines, names = axes[-1].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=2, labelcolor=INK, frameon=False)
    return figure
