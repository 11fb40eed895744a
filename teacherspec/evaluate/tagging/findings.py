"""Strengths and weaknesses in finding entities as sentences, each with its numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from teacherspec.evaluate.finding import Finding, further_sets, memorised
from teacherspec.evaluate.gain import gain_findings

FEW = 10
"""Entities of a type below which its F1 says little."""


def all_findings(metrics: Mapping[str, Any], types: Sequence[Sequence[Any]], opponent: str) -> list[Finding]:
    """Findings that follow from the content of `metrics.json`.

    Args:
        metrics: content of `metrics.json`.
        types: rows of `types.tsv`, of the test split.
        opponent: what the teacher is compared with, in words.
    """
    return [
        *_entities_gained(metrics, opponent),
        *gain_findings(metrics, opponent),
        *_types(metrics, types),
        *_unread(metrics),
        *_further_sets(metrics),
        *memorised(metrics["loss_ratio"]),
    ]


def _entities_gained(metrics: Mapping[str, Any], opponent: str) -> Iterator[Finding]:
    for split, gained in metrics["gain"].items():
        found, own, base = gained["f1"], metrics[split]["f1"], metrics["base"][split]["f1"]
        sentence = (
            f"F1 of entities on {split} is {own['value']:.3f} ({own['low']:.3f} to {own['high']:.3f}), "
            f"that of {opponent} {base['value']:.3f}: {found['value']:+.3f} ({found['low']:.3f} to "
            f"{found['high']:.3f})."
        )
        if found["low"] > 0:
            yield Finding("strength", "entities", sentence, dict(found))
        else:
            yield Finding("weakness", "entities", f"Nothing certain is gained: {sentence}", dict(found))


def _types(metrics: Mapping[str, Any], types: Sequence[Sequence[Any]]) -> Iterator[Finding]:
    """Types that are found significantly worse than all together, and types that test can say little of."""
    overall = metrics["test"]["f1"]
    for name, entities, _, f1, low, high, *_ in types:
        numbers = {"value": f1, "low": low, "high": high, "entities": entities}
        if entities < FEW:
            sentence = f"Test holds {entities} entities of `{name}`, too few to say how well they are found."
            yield Finding("blind_spot", f"type {name}", sentence, numbers)
        elif high < overall["low"]:
            sentence = (
                f"Finds `{name}` worse than the others: F1 {f1:.3f} ({low:.3f} to {high:.3f}) of "
                f"{entities} entities, "
                f"{overall['value']:.3f} of all."
            )
            yield Finding("weakness", f"type {name}", sentence, numbers)


def _unread(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    test = metrics["test"]
    if test["words_unread"]:
        sentence = (
            f"{test['words_unread']} of {test['words']} words of test are not read, cut off at "
            "`task.max_length` or "
            "nothing to the tokenizer; entities in them are missed."
        )
        yield Finding("weakness", "words that are not read", sentence, {"words": test["words_unread"]})


def _further_sets(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    """Sets whose entities are found significantly worse than those of test."""
    test = metrics["test"]["f1"]
    for name, measured in further_sets(metrics):
        f1 = measured["f1"]
        if f1["high"] < test["low"]:
            sentence = (
                f"Finds fewer entities in {name}: F1 {f1['value']:.3f} ({f1['low']:.3f} to "
                f"{f1['high']:.3f}) against {test['value']:.3f} on test."
            )
            yield Finding("weakness", name, sentence, dict(f1))
