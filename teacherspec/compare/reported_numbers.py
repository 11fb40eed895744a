"""The numbers that the reports in git hold on each side."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from teacherspec.compare.revision import Revision
from teacherspec.compare.value_limits import LARGEST_TEXT, check_limits
from teacherspec.package.quality_gates import Measurement, is_finite
from teacherspec.run_records.conflicts import refuse_conflict

REPORTS = ("evaluate", "calibrate", "probe", "ratings", "package")
"""Stages whose `metrics.json` is compared."""


@dataclass(frozen=True)
class Number:
    """A number of a report on both sides; None where a side does not have it."""

    metric: str
    before: Measurement | None
    after: Measurement | None

    @property
    def differs(self) -> bool:
        """Whether the sides report other numbers."""
        return self.before != self.after

    @property
    def moved(self) -> bool:
        """Whether a side's value is outside the interval of the other."""
        if self.before is None or self.after is None:
            return False
        return _is_outside(self.after.value, self.before) or _is_outside(self.before.value, self.after)

    @property
    def change(self) -> float | None:
        """after - before."""
        return None if self.before is None or self.after is None else self.after.value - self.before.value


def _is_outside(value: float, other: Measurement) -> bool:
    return other.low is not None and other.high is not None and not other.low <= value <= other.high


def reports_of(side: Revision) -> dict[str, Any]:
    """Stage → content of its `metrics.json`, of those that exist, can be parsed and keep the limits.

    Raises:
        UserError: one holds an unresolved conflict.
    """
    found = {}
    for stage in REPORTS:
        text = side.text(f"reports/{stage}/metrics.json")
        refuse_conflict(text or "", f"{side.name}: reports/{stage}/metrics.json")
        try:
            found[stage] = json.loads(text) if text is not None and len(text) <= LARGEST_TEXT else None
            check_limits(found[stage])
        except (ValueError, RecursionError):
            found[stage] = None
    return {stage: content for stage, content in found.items() if isinstance(content, Mapping)}


def numbers(base: Mapping[str, Any], head: Mapping[str, Any]) -> tuple[Number, ...]:
    """Every number of the reports of either side, by name."""
    before, after = dict(_numbers(base)), dict(_numbers(head))
    return tuple(
        Number(name, before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys())
    )


def _numbers(report: Any, prefix: str = "") -> Iterator[tuple[str, Measurement]]:
    if isinstance(report, Mapping):
        if is_finite(report.get("value")):
            ends = [report.get(end) if is_finite(report.get(end)) else None for end in ("low", "high")]
            yield prefix, Measurement(report["value"], *ends)
            return
        for name, value in report.items():
            yield from _numbers(value, f"{prefix}.{name}" if prefix else name)
    elif is_finite(report):
        yield prefix, Measurement(report)
