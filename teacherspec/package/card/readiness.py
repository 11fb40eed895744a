"""`READINESS.json` and the short report: the verdict, and each gate with its number, limit and reason."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.quality_gates import GateResult

Verdict = Literal["ready", "not ready"]


def verdict(results: Sequence[GateResult]) -> Verdict:
    """`ready` when every gate passed; without any gate, nothing was shown."""
    return "ready" if results and all(result.passed for result in results) else "not ready"


def as_json(results: Sequence[GateResult]) -> dict[str, Any]:
    """The content of `READINESS.json`."""
    gates = [
        {
            **result.gate.model_dump(mode="json"),
            "measured": None if result.measured is None else asdict(result.measured),
            "passed": result.passed,
            "reason": result.reason,
        }
        for result in results
    ]
    return {"verdict": verdict(results), "gates": gates}


def format_limit(result: GateResult) -> str:
    """The declared limit in signs: `≥ 0.9`, `1 to 1.2`."""
    gate = result.gate
    if gate.at_least is not None and gate.at_most is not None:
        return f"{gate.at_least:g} to {gate.at_most:g}"
    return f"≥ {gate.at_least:g}" if gate.at_least is not None else f"≤ {gate.at_most:g}"


def as_table(results: Sequence[GateResult]) -> str:
    """The gates as a Markdown table."""
    rows = [
        (
            f"`{result.gate.metric}`",
            result.measured or "–",
            format_limit(result),
            "pass" if result.passed else "**fail**",
            result.reason,
        )
        for result in results
    ]
    return markdown_table(("gate", "measured", "limit", "", "reason"), rows)


def report(name: str, results: Sequence[GateResult]) -> str:
    """`readiness.md`: what a pull request shows."""
    return f"# {name}: {verdict(results)}\n\n{as_table(results)}\n"
