"""Curves of the reports in git, of both sides on the same axes."""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from teacherspec.compare.revision import Revision

MOST_POINTS = 1000

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Curve:
    """A curve of both sides after calibration, on the test split.

    Attributes:
        title: what it is.
        x: name of the horizontal axis, which reaches from 0 to 1.
        y: name of the vertical axis, which reaches from 0 to `top`.
        diagonal: whether the diagonal is the ideal.
        before: points of the base revision; none where it has no such report.
        after: points of the head revision.
    """

    title: str
    x: str
    y: str
    diagonal: bool
    before: Points
    after: Points

    @property
    def top(self) -> float:
        """The largest value of both sides; 1 where the diagonal is drawn."""
        largest = max((y for line in (self.before, self.after) for _, y in line), default=0.0)
        return 1.0 if self.diagonal or not largest else largest

    def points(self, line: Points) -> str:
        """Points of a side as `points` of an SVG polyline, in a square of 100."""
        return " ".join(f"{100 * x:.2f},{100 - 100 * y / self.top:.2f}" for x, y in line)


def report_curves(base: Revision, head: Revision) -> tuple[Curve, ...]:
    """Reliability and risk-coverage of both sides, of those that differ."""
    found = (
        _curve("Reliability", ("confidence", "accuracy"), base, head, diagonal=True),
        _curve("Risk and coverage", ("coverage", "risk"), base, head, diagonal=False),
    )
    return tuple(curve for curve in found if curve.before != curve.after)


FILES: Mapping[str, str] = {
    "confidence": "reports/calibrate/reliability.tsv",
    "coverage": "reports/calibrate/risk_coverage.tsv",
}
"""Column of the horizontal axis → file."""


def _curve(title: str, axes: tuple[str, str], base: Revision, head: Revision, *, diagonal: bool) -> Curve:
    lines = [tuple(_points(side.text(FILES[axes[0]]) or "", *axes)) for side in (base, head)]
    return Curve(title, *axes, diagonal, lines[0], lines[1])


def _points(text: str, x: str, y: str) -> Iterator[tuple[float, float]]:
    """Points after calibration; lines that are none are left out, as an older report may have others."""
    for row in islice(csv.DictReader(text.splitlines(), delimiter="\t"), MOST_POINTS):
        if row.get("stage") != "after" or row.get("count") == "0":
            continue
        try:
            point = float(row[x]), float(row[y])
        except (KeyError, TypeError, ValueError):
            continue
        if all(math.isfinite(value) and 0 <= value <= 1 for value in point):
            yield point
