"""Whether the measured teacher keeps its promises. What cannot be judged fails."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teacherspec.spec.package import Gate

QUALITY = ("accuracy", "balanced_accuracy", "brier", "ece", "macro_f1", "matthews", "nll", "rows")
"""What `evaluate` measures of every labelled split."""

PERTURBATIONS = ("case", "punctuation", "typos")
ROBUSTNESS = ("accuracy", "flip_rate")
"""What `evaluate` measures of the test split under each perturbation."""

INTERVALS = ("accuracy", "brier", "ece", "ece_equal_mass", "nll", "signed")
"""What `calibrate` measures before and after, with intervals, on test and shifted splits."""

PLAIN = (
    "augrc", "aurc", "brier_reliability", "brier_resolution", "brier_uncertainty", "classwise_ece",
    "correctness_auroc", "debiased_squared", "mce", "rmsce", "smooth_ece",
)  # fmt: skip
"""The same without intervals."""

SCOPE = ("auroc", "aupr_in", "aupr_out", "fpr_at_95_in_recall", "fpr_at_95_out_recall")
"""What `calibrate` measures of a split that belongs to no label."""

NOISY = ("ece", "ece_equal_mass")
"""Calibration errors of which the report holds the 95 % point for a perfectly calibrated model."""

WHEN = ("before", "after")

RATED = frozenset(
    {"ratings", "not_judged", "outdated", "raters", "wins", "ties", "losses", "p_value", "win_rate"}
    | {"win_rate_where_different", "left_preferred", "alpha.preference", "alpha.rating"}
    | {f"pairs.{name}" for name in ("shown", "judged", "identical")}
    | {f"rating.{name}" for name in ("pairs", "teacher", "opponent", "difference")}
)
"""What `ratings` makes of human evaluation, of each opponent."""

OPPONENTS = ("base", "reference")
"""Whom people compare the teacher with."""


@dataclass(frozen=True)
class Measured:
    """A number of a report, with the ends of its interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        ends = "" if self.low is None or self.high is None else f" ({self.low:.4g} to {self.high:.4g})"
        return f"{self.value:.4g}{ends}"


@dataclass(frozen=True)
class Judgement:
    """How a gate was judged.

    Attributes:
        gate: as declared.
        measured: what the report says; None where it holds no finite number.
        passed: whether every limit is kept.
        reason: one line for a person.
    """

    gate: Gate
    measured: Measured | None
    passed: bool
    reason: str


def known_metrics(roles: Mapping[str, str]) -> frozenset[str]:
    """Dotted names of all numbers that the stages may measure, known before any of them runs.

    Args:
        roles: split name → role.
    """
    names = {"evaluate.loss_ratio"}
    names |= {f"ratings.{opponent}.{name}" for opponent in OPPONENTS for name in RATED}
    names |= {f"evaluate.robustness.{change}.{name}" for change in PERTURBATIONS for name in ROBUSTNESS}
    for split, role in roles.items():
        evaluated = ("rows",) if role == "ood" else QUALITY
        names |= {f"evaluate.{split}.{name}" for name in evaluated}
        names |= {f"calibrate.{split}.{name}" for name in CALIBRATED.get(role, ())}
    return frozenset(names)


def _before_and_after(names: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{name}.{when}" for name in names for when in WHEN)


_COMPARED = frozenset(
    {"rows", "argmax_changed"}
    | {f"{name}.{about}" for name in ("nll", "brier") for about in ("change", "p_value")}
    | {f"{name}.{about}_{when}" for name in NOISY for about in ("floor", "noise") for when in WHEN}
    | _before_and_after((*INTERVALS, *PLAIN))
)

CALIBRATED: Mapping[str, frozenset[str]] = {
    "calibration": frozenset({"rows", "fitted", "temperature", "standard_error"})
    | _before_and_after(("nll", "brier", "ece")),
    "test": _COMPARED,
    "shifted": _COMPARED,
    "ood": frozenset({"rows"})
    | {f"{score}.{name}" for score in _before_and_after(("max_probability", "energy")) for name in SCOPE},
}
"""Role of a split → what `calibrate` measures of it."""


def noise_point(metric: str) -> str | None:
    """Where the reports hold the noise of this calibration error; None where it is another metric."""
    name, _, when = metric.rpartition(".")
    is_noisy = name.rpartition(".")[2] in NOISY and when in WHEN
    return f"{name}.noise_{when}" if is_noisy else None


def judge(gates: Sequence[Gate], reports: Mapping[str, Any]) -> tuple[Judgement, ...]:
    """Judge every gate.

    Args:
        gates: the declared gates.
        reports: stage → content of its `metrics.json`: numbers, or `{value, low, high}`, by nested names.
    """
    return tuple(_judged(gate, reports) for gate in gates)


def find(reports: Mapping[str, Any], metric: str) -> Measured | None:
    """The number called `metric` in the reports, or None: absent, no number, or not finite."""
    found: Any = reports
    for name in metric.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    parts = found if isinstance(found, Mapping) else {"value": found}
    numbers = [parts.get("value"), *(parts[end] for end in ("low", "high") if end in parts)]
    if not all(_is_finite(number) for number in numbers):
        return None
    return Measured(parts["value"], parts.get("low"), parts.get("high"))


def _is_finite(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)


def _judged(gate: Gate, reports: Mapping[str, Any]) -> Judgement:
    measured = find(reports, gate.metric)
    if measured is None:
        return Judgement(gate, None, False, "not measured: the reports hold no finite number of this name")
    point = noise_point(gate.metric)
    noise = find(reports, point) if point else None
    found = list(_findings(gate, measured, noise))
    return Judgement(gate, measured, all(passed for passed, _ in found), "; ".join(text for _, text in found))


def _findings(gate: Gate, measured: Measured, noise: Measured | None) -> Iterator[tuple[bool, str]]:
    """For each limit of the gate: whether it is kept, and a sentence."""
    if gate.at_least is not None:
        yield _compared(gate.judge, measured.value, measured.low, gate.at_least, above=True)
    if gate.at_most is None:
        return
    limit = gate.at_most if noise is None else max(gate.at_most, noise.value)
    kept, text = _compared(gate.judge, measured.value, measured.high, limit, above=False)
    if limit > gate.at_most:
        text += f", the 95 % point of noise; {gate.at_most:g} cannot be tested on so few rows"
    yield kept, text


def _compared(
    judge: str, value: float, pessimistic: float | None, limit: float, *, above: bool
) -> tuple[bool, str]:
    """Compare the judged end with the limit, and say when the other end would have decided otherwise."""

    def keeps(number: float) -> bool:
        return number >= limit if above else number <= limit

    if judge == "bound" and pessimistic is None:
        return False, "has no interval, so its bound cannot be judged; declare `judge: point`"
    judged = value if judge == "point" or pessimistic is None else pessimistic
    sign = ("≥" if above else "≤") if keeps(judged) else ("<" if above else ">")
    subject = "" if judge == "point" else "bound "
    text = f"{subject}{judged:.4g} {sign} {limit:.4g}"
    if judge == "point" and pessimistic is not None and keeps(value) and not keeps(pessimistic):
        text += f", by its value only: the interval reaches {pessimistic:.4g}"
    return keeps(judged), text
