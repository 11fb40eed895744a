"""What the reports in git say on each side: the numbers, the calibration and the gates."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from teacherspec.compare.revision import Revision
from teacherspec.package.quality_gates import GateResult, Measurement, evaluate_gates
from teacherspec.package.readiness import format_limit
from teacherspec.spec.package import DEFAULT_GATES, Gate

REPORTS = ("evaluate", "calibrate", "ratings", "package")
Crossing = Literal["kept", "missed", "now kept", "now missed", "new", "gone"]


@dataclass(frozen=True)
class Number:
    """A number of a report on both sides; None where a side lacks it."""

    metric: str
    before: Measurement | None
    after: Measurement | None

    @property
    def change(self) -> float | None:
        """after - before."""
        return None if self.before is None or self.after is None else self.after.value - self.before.value


@dataclass(frozen=True)
class GateCrossing:
    """A gate on both sides.

    Attributes:
        metric: its dotted name.
        crossing: what became of it.
        limits: declared limit before and after, `–` where a side does not declare it.
        measured: the judged number before and after.
        loosened: whether the limit became easier to keep, or the gate went.
        reason: of the judgement of the other revision.
    """

    metric: str
    crossing: Crossing
    limits: tuple[str, str]
    measured: tuple[str, str]
    loosened: bool
    reason: str


def reports_of(side: Revision) -> dict[str, Any]:
    """Stage → content of its `metrics.json`, of those that are there and can be parsed."""
    found = {}
    for stage in REPORTS:
        text = side.text(f"reports/{stage}/metrics.json")
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


def gates_crossed(base: Revision, head: Revision) -> tuple[GateCrossing, ...]:
    """Every gate of either side, each judged by its own side's limits and reports.

    Raises:
        ValidationError: the gates of a side follow rules that this code does not know.
    """
    before, after = judged(base), judged(head)
    names = [*after, *(name for name in before if name not in after)]
    return tuple(_crossing(name, before.get(name), after.get(name)) for name in names)


def judged(side: Revision) -> dict[str, GateResult]:
    """Metric → gate of one side, judged by its own reports. Raises `ValidationError`."""
    declared = (side.params.get("package") or {}).get("gates")
    gates = (
        DEFAULT_GATES
        if declared is None
        else TypeAdapter(tuple[Gate, ...]).validate_json(json.dumps(declared))
    )
    if not side.params:
        return {}
    return {judgement.gate.metric: judgement for judgement in evaluate_gates(gates, reports_of(side))}


def _crossing(metric: str, before: GateResult | None, after: GateResult | None) -> GateCrossing:
    limits = tuple("–" if side is None else format_limit(side) for side in (before, after))
    measured = tuple(
        "–" if side is None else str(side.measured or "not measured") for side in (before, after)
    )
    return GateCrossing(
        metric=metric,
        crossing=_became(before, after),
        limits=(limits[0], limits[1]),
        measured=(measured[0], measured[1]),
        loosened=before is not None and (after is None or _looser(before.gate, after.gate)),
        reason="no longer declared" if after is None else after.reason,
    )


def _became(before: GateResult | None, after: GateResult | None) -> Crossing:
    if after is None:
        return "gone"
    if before is None:
        return "new" if after.passed else "now missed"
    states: dict[tuple[bool, bool], Crossing] = {
        (True, True): "kept",
        (False, False): "missed",
        (False, True): "now kept",
        (True, False): "now missed",
    }
    return states[before.passed, after.passed]


def _looser(before: Gate, after: Gate) -> bool:
    """Whether something passes `after` that `before` refuses."""
    lowered = before.at_least is not None and (after.at_least is None or after.at_least < before.at_least)
    raised = before.at_most is not None and (after.at_most is None or after.at_most > before.at_most)
    return lowered or raised or (before.judge == "bound" and after.judge == "point")
