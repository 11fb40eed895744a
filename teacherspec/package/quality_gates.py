"""Whether the reported numbers keep the limits of the declared gates. A gate without its number fails."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teacherspec.metric_names.calibration import noise_metric
from teacherspec.spec.package import Gate


@dataclass(frozen=True)
class Measurement:
    """A number of a report, with the ends of its interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        ends = "" if self.low is None or self.high is None else f" ({self.low:.4g} to {self.high:.4g})"
        return f"{self.value:.4g}{ends}"


@dataclass(frozen=True)
class GateResult:
    """Result of a gate.

    Attributes:
        gate: as declared.
        measured: the reported number; None where it is missing or not finite.
        passed: whether every limit is kept.
        reason: one line for a person.
    """

    gate: Gate
    measured: Measurement | None
    passed: bool
    reason: str


def evaluate_gates(gates: Sequence[Gate], reports: Mapping[str, Any]) -> tuple[GateResult, ...]:
    """Compare every declared limit with the reported number.

    Args:
        gates: the declared gates.
        reports: stage → content of its `metrics.json`: numbers, or `{value, low, high}`, by nested names.
    """
    return tuple(_evaluate(gate, reports) for gate in gates)


def find(reports: Mapping[str, Any], metric: str) -> Measurement | None:
    """The number called `metric` in the reports, or None: absent, no number, or not finite."""
    found: Any = reports
    for name in metric.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    parts = found if isinstance(found, Mapping) else {"value": found}
    numbers = [parts.get("value"), *(parts[end] for end in ("low", "high") if end in parts)]
    if not all(is_finite(number) for number in numbers):
        return None
    return Measurement(parts["value"], parts.get("low"), parts.get("high"))


def reason_not_measured(reports: Mapping[str, Any], metric: str) -> str | None:
    """Why a report leaves a number out, as `not_measured` near its place says it; None where nothing does."""
    found: Any = reports
    names = metric.split(".")
    for name in names:
        if not isinstance(found, Mapping):
            return None
        reasons = found.get("not_measured", {})
        if name in reasons:
            return str(reasons[name])
        found = found.get(name)
    return None


def is_finite(number: Any) -> bool:
    """Whether it is a number that compares: no truth value, NaN, infinity or integer beyond a float."""
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return is_number and abs(number) <= sys.float_info.max


def _evaluate(gate: Gate, reports: Mapping[str, Any]) -> GateResult:
    measured = find(reports, gate.metric)
    if measured is None:
        reason = reason_not_measured(reports, gate.metric) or "the reports hold no finite number of this name"
        return GateResult(gate, None, False, f"not measured: {reason}")
    point = noise_metric(gate.metric)
    noise = find(reports, point) if point else None
    found = [*_findings(gate, measured, noise), *_calibration_findings(gate, reports)]
    return GateResult(
        gate, measured, all(passed for passed, _ in found), "; ".join(text for _, text in found)
    )


def _findings(gate: Gate, measured: Measurement, noise: Measurement | None) -> Iterator[tuple[bool, str]]:
    """For each limit of the gate: whether it is kept, and a sentence."""
    if gate.at_least is not None:
        yield _compared(gate.tested, measured.value, measured.low, gate.at_least, above=True)
    if gate.at_most is None:
        return
    limit = gate.at_most if noise is None else max(gate.at_most, noise.value)
    kept, text = _compared(gate.tested, measured.value, measured.high, limit, above=False)
    if limit > gate.at_most:
        text += f", the 95 % point of noise; {gate.at_most:g} cannot be tested on so few rows"
    yield kept, text


def _calibration_findings(gate: Gate, reports: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """A number after calibration passes no gate where calibration made its split worse."""
    stage, _, rest = gate.metric.partition(".")
    split, _, name = rest.partition(".")
    if stage != "calibrate" or "after" not in name.replace("_", ".").split("."):
        return
    worsened = find(reports, f"calibrate.{split}.worsened")
    if worsened is not None and worsened.value:
        yield (
            False,
            f"calibration made {split} worse: declare `calibrate.method: {{kind: auto}}`",
        )


def _compared(
    tested: str, value: float, pessimistic: float | None, limit: float, *, above: bool
) -> tuple[bool, str]:
    """Compare the value or the pessimistic end with the limit; report where the other would differ."""

    def keeps(number: float) -> bool:
        return number >= limit if above else number <= limit

    if tested == "bound" and pessimistic is None:
        return False, "has no interval, so there is no bound to compare; declare `tested: point`"
    compared = value if tested == "point" or pessimistic is None else pessimistic
    sign = ("≥" if above else "≤") if keeps(compared) else ("<" if above else ">")
    subject = "" if tested == "point" else "bound "
    text = f"{subject}{compared:.4g} {sign} {limit:.4g}"
    if tested == "point" and pessimistic is not None and keeps(value) and not keeps(pessimistic):
        text += f", by its value only: the interval reaches {pessimistic:.4g}"
    return keeps(compared), text
