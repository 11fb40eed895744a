"""`READINESS.json` and the short report: the verdict, and each gate with its number, limit and reason."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from teacherspec.package.quality_gates import Judgement

Verdict = Literal["ready", "not ready"]


def verdict(judgements: Sequence[Judgement]) -> Verdict:
    """`ready` when every gate passed."""
    return "ready" if all(judgement.passed for judgement in judgements) else "not ready"


def as_json(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """The content of `READINESS.json`."""
    gates = [
        {
            **judgement.gate.model_dump(mode="json"),
            "measured": None if judgement.measured is None else asdict(judgement.measured),
            "passed": judgement.passed,
            "reason": judgement.reason,
        }
        for judgement in judgements
    ]
    return {"verdict": verdict(judgements), "gates": gates}


def limit(judgement: Judgement) -> str:
    """The declared limit in signs: `≥ 0.9`, `1 to 1.2`."""
    gate = judgement.gate
    if gate.at_least is not None and gate.at_most is not None:
        return f"{gate.at_least:g} to {gate.at_most:g}"
    return f"≥ {gate.at_least:g}" if gate.at_least is not None else f"≤ {gate.at_most:g}"


def as_table(judgements: Sequence[Judgement]) -> str:
    """The gates as a Markdown table."""
    lines = ["| gate | measured | limit | | reason |", "|---|---|---|---|---|"]
    lines += [
        f"| `{judgement.gate.metric}` | {judgement.measured or '–'} | {limit(judgement)} "
        f"| {'pass' if judgement.passed else '**fail**'} | {judgement.reason} |"
        for judgement in judgements
    ]
    return "\n".join(lines)


def report(name: str, judgements: Sequence[Judgement]) -> str:
    """`readiness.md`: what a pull request shows."""
    return f"# {name}: {verdict(judgements)}\n\n{as_table(judgements)}\n"
