"""The numbers that the reports in git hold on each side."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from teacherspec.compare.revision import Revision
from teacherspec.package.quality_gates import Measurement
from teacherspec.run_records.conflicts import refuse_conflict

REPORTS = ("evaluate", "calibrate", "ratings", "package")
"""Stages whose `metrics.json` is compared."""


@dataclass(frozen=True)
class Number:
    """A number of a report on both sides; None where a side does not have it."""

    metric: str
    before: Measurement | None
    after: Measurement | None

    @property
    def change(self) -> float | None:
        """after - before."""
        return None if self.before is None or self.after is None else self.after.value - self.before.value


def reports_of(side: Revision) -> dict[str, Any]:
    """Stage → content of its `metrics.json`, of those that exist and can be parsed.

    Raises:
        UserError: one holds an unresolved conflict.
    """
    found = {}
    for stage in REPORTS:
        text = side.text(f"reports/{stage}/metrics.json")
        refuse_conflict(text or "", f"{side.name}: reports/{stage}/metrics.json")
        try:
            found[stage] = json.loads(text) if text is not None else None
        except ValueError:
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
        if isinstance(report.get("value"), int | float):
            yield prefix, Measurement(report["value"], report.get("low"), report.get("high"))
            return
        for name, value in report.items():
            yield from _numbers(value, f"{prefix}.{name}" if prefix else name)
    elif isinstance(report, int | float) and not isinstance(report, bool):
        yield prefix, Measurement(report)
