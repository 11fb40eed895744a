"""Strengths and weaknesses in generation as sentences, each with its numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

from teacherspec.evaluate.finding import Finding, further_sets, memorised
from teacherspec.evaluate.gain import gain_findings

UNENDED = 0.05
"""Share of answers without an end from which it is a weakness."""

REPETITIVE = 0.2
"""Mean share of repeated 4-grams from which it is a weakness."""


def all_findings(metrics: Mapping[str, Any]) -> list[Finding]:
    """Findings that follow from the content of `metrics.json`."""
    return [
        *_against_base(metrics),
        *gain_findings(metrics, "its untrained base"),
        *answers_gained(metrics["gain"]["test"]["generated"]),
        *_generated(metrics),
        *_further_sets(metrics),
        *memorised(metrics["loss_ratio"]),
    ]


def _against_base(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    gained = metrics["gain"]["test"]["nll"]
    own, base = (part["perplexity"]["value"] for part in (metrics["test"], metrics["base"]["test"]))
    sentence = (
        f"Perplexity of the test answers is {own:.3f} a token, {base:.3f} before fine-tuning (the NLL "
        f"falls by {gained['value']:.3f} nats, {gained['low']:.3f} to {gained['high']:.3f})."
    )
    if gained["low"] > 0:
        yield Finding("strength", "test answers", sentence, dict(gained))
    else:
        yield Finding("weakness", "test answers", f"No better than its base: {sentence}", dict(gained))


def answers_gained(gained: Mapping[str, Mapping[str, float]]) -> Iterator[Finding]:
    """Whether greedy answers got better, by exact match; by chrF where no answer matches a reference."""
    name, scale, unit = ("exact_match", 100, "points")
    words = "Exact match"
    if not any(gained["exact_match"].values()):
        name, scale, words = "chrf", 1, "chrF"
    found = gained[name]
    value, low, high = (f"{scale * found[part]:+.1f}" for part in ("value", "low", "high"))
    sentence = f"{words} of greedy answers over its untrained base: {value} {unit} ({low} to {high})."
    if found["low"] > 0:
        yield Finding("strength", "gain of answers", sentence, dict(found))
    elif found["high"] < 0:
        yield Finding("weakness", "gain of answers", f"Worse answers: {sentence}", dict(found))
    else:
        yield Finding("weakness", "gain of answers", f"Nothing certain: {sentence}", dict(found))


def _generated(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    own, base = metrics["test"]["generated"], metrics["base"]["test"]["generated"]
    unended = 1.0 - own["stopped"]["value"]
    if unended > UNENDED:
        sentence = f"{unended:.0%} of the greedy answers reach the longest length without an end."
        yield Finding("weakness", "answers without an end", sentence, {"share": unended})
    if own["repetition"]["value"] > REPETITIVE:
        sentence = f"{own['repetition']['value']:.0%} of the 4-grams of an answer are repeated in it."
        yield Finding("weakness", "repetition", sentence, dict(own["repetition"]))
    if own["chrf"]["low"] > base["chrf"]["high"]:
        sentence = (
            f"Greedy answers reach chrF {own['chrf']['value']:.1f}, the base {base['chrf']['value']:.1f}; "
            f"{own['stopped']['value']:.0%} end by themselves, {base['stopped']['value']:.0%} of the base's."
        )
        numbers = {"chrf": own["chrf"]["value"], "base_chrf": base["chrf"]["value"]}
        yield Finding("strength", "greedy answers", sentence, numbers)


def _further_sets(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    """Sets whose answers have a significantly higher NLL than those of test."""
    test = metrics["test"]["nll"]
    for name, measured in further_sets(metrics):
        nll = measured["nll"]
        if nll["low"] > test["high"]:
            sentence = (
                f"Answers of {name} are less likely to it than those of test: NLL {nll['value']:.3f} nats a "
                f"token ({nll['low']:.3f} to {nll['high']:.3f}) against {test['value']:.3f}."
            )
            yield Finding("weakness", name, sentence, dict(nll))
