"""The quality gates on each side, checked with the numbers of its own reports."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from teacherspec.check.parsing.renamed_keys import RENAMED
from teacherspec.compare.reported_numbers import reports_of
from teacherspec.compare.revision import Revision
from teacherspec.package.card.readiness import format_limit
from teacherspec.package.quality_gates import GateResult, evaluate_gates
from teacherspec.spec.package import DEFAULT_GATES, Gate, with_gain_gate

State = Literal["passes", "fails", "now passes", "now fails", "new", "removed"]


@dataclass(frozen=True)
class GateChange:
    """A gate on both sides.

    Attributes:
        metric: its dotted name.
        state: whether it passes on the head revision, and whether that changed.
        limits: declared limit before and after, `–` where a side does not declare it.
        measured: the number compared with the limit, before and after.
        loosened: whether the limit became easier to pass, or the gate was removed.
        reason: why it passes or fails on the head revision.
    """

    metric: str
    state: State
    limits: tuple[str, str]
    measured: tuple[str, str]
    loosened: bool
    reason: str


def gate_changes(base: Revision, head: Revision) -> tuple[GateChange, ...]:
    """Every gate of either side, each checked with the limits and reports of its own side.

    Raises:
        ValidationError: the gates of a side follow rules that this code does not know.
    """
    before, after = checked_gates(base), checked_gates(head)
    names = [*after, *(name for name in before if name not in after)]
    return tuple(_change(name, before.get(name), after.get(name)) for name in names)


def checked_gates(side: Revision) -> dict[str, GateResult]:
    """Metric → gate of one side, checked with its own reports. Raises `ValidationError`."""
    if not side.params:
        return {}
    declared = (side.params.get("package") or {}).get("gates")
    gates = DEFAULT_GATES if declared is None else with_gain_gate(_parsed(declared))
    return {result.gate.metric: result for result in evaluate_gates(gates, reports_of(side))}


def _parsed(declared: list[dict[str, Any]]) -> tuple[Gate, ...]:
    """Gates as a commit declares them, which may be older than the names of today's keys."""
    renamed = [
        {RENAMED.get(("package", "gates", key), key): value for key, value in gate.items()}
        for gate in declared
    ]
    return TypeAdapter(tuple[Gate, ...]).validate_json(json.dumps(renamed))


def _change(metric: str, before: GateResult | None, after: GateResult | None) -> GateChange:
    limits = tuple("–" if side is None else format_limit(side) for side in (before, after))
    measured = tuple(
        "–" if side is None else str(side.measured or "not measured") for side in (before, after)
    )
    return GateChange(
        metric=metric,
        state=_state(before, after),
        limits=(limits[0], limits[1]),
        measured=(measured[0], measured[1]),
        loosened=before is not None and (after is None or _is_looser(before.gate, after.gate)),
        reason="no longer declared" if after is None else after.reason,
    )


def _state(before: GateResult | None, after: GateResult | None) -> State:
    if after is None:
        return "removed"
    if before is None:
        return "new" if after.passed else "now fails"
    states: dict[tuple[bool, bool], State] = {
        (True, True): "passes",
        (False, False): "fails",
        (False, True): "now passes",
        (True, False): "now fails",
    }
    return states[before.passed, after.passed]


def _is_looser(before: Gate, after: Gate) -> bool:
    """Whether some number passes `after` and fails `before`."""
    lowered = before.at_least is not None and (after.at_least is None or after.at_least < before.at_least)
    raised = before.at_most is not None and (after.at_most is None or after.at_most > before.at_most)
    return lowered or raised or (before.tested == "bound" and after.tested == "point")
