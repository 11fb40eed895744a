"""Results as lines of text and as ratios."""

from collections.abc import Mapping
from typing import Any

from benchmarks.gpu.parts import Result
from benchmarks.ratios import Ratio

COMMAND = "python -m benchmarks.gpu --write"


def line(name: str, result: Result) -> str:
    """One part: its figures, or why it has none."""
    if result.reason:
        return f"{name}: {result.reason}"
    return f"{name}: {', '.join(_pairs(result.figures))}"


def _pairs(figures: Mapping[str, Any], before: str = "") -> list[str]:
    found: list[str] = []
    for key, value in figures.items():
        if isinstance(value, Mapping):
            found += _pairs(value, f"{before}{key} ")
        else:
            found.append(f"{before}{key} {_shown(value)}")
    return found


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " → ".join(map(_shown, value))
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return "not measured" if value is None else f"{value:,}" if type(value) is int else str(value)


def markdown(results: Mapping[str, Result]) -> list[str]:
    """The table of the page."""
    cells = (line(name, result).partition(": ") for name, result in results.items())
    return [
        "",
        "| part | result |",
        "|---|---|",
        *(f"| {name} | {result} |" for name, _, result in cells),
        "",
    ]


def ratios(results: Mapping[str, Result], date: str, machine: str) -> list[Ratio]:
    """Those whose two sides were both measured in this run."""

    def figure(part: str, *keys: str) -> Any:
        found: Any = results.get(part, Result()).figures
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    ours, plain = figure("training", "tokens_per_s"), figure("scoring", "plain_tokens_per_s")
    compared = [
        ("training a 1.07 B Llama, bf16", peer, "wall seconds", ours, figure(part, "tokens_per_s"))
        for part, peer in (
            ("training, Trainer", "Trainer, padded to the longest row"),
            ("training, TRL", "TRL's SFTTrainer at its defaults"),
        )
    ]
    compared += [
        (what, "padded batches, softmax of every position", "wall seconds", figure("scoring", key), plain)
        for what, key in (
            ("evaluating rows by a 1.07 B Llama", "evaluation_tokens_per_s"),
            ("soft targets of a 1.07 B Llama, top 32", "soft_target_tokens_per_s"),
        )
    ]
    for way in ("dense mask", "FlexAttention", "varlen"):
        slower, faster = figure("attention", way, "ms"), figure("attention", "blocks", "ms")
        compared.append(
            ("attention within packed rows, forward and backward", way, "wall seconds", slower, faster)
        )
    compared.append(
        (
            "memory of a training step, counted before it",
            "the accelerator's own count",
            "peak memory",
            figure("memory", "measured_gib"),
            figure("memory", "counted_gib"),
        )
    )
    return [
        Ratio(what, peer, measure, round(one / other, 2), COMMAND, date, machine)
        for what, peer, measure, one, other in compared
        if one and other
    ]
