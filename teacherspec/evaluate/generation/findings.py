"""Strengths and weaknesses of a language model as sentences, each with the numbers behind it."""

from collections.abc import Iterator, Mapping
from typing import Any

from teacherspec.evaluate.classification.findings import MEMORISED, Finding, Kind

OWN_SPLITS = ("train", "validation", "calibration", "test", "base")
"""What is no further set of rows."""

ENDLESS = 0.05
"""Share of answers without an end from which it is a weakness."""

REPETITIVE = 0.2
"""Mean share of repeated 4-grams from which it is a weakness."""


def findings(metrics: Mapping[str, Any]) -> list[Finding]:
    """What the numbers of `metrics.json` say."""
    return [*_learned(metrics), *_written(metrics), *_elsewhere(metrics), *_memorised(metrics)]


def finding(kind: Kind, subject: str, sentence: str, **numbers: float) -> Finding:
    """A sentence with its numbers."""
    return Finding(kind, subject, sentence, dict(numbers))


def _learned(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    change = metrics["base"]["nll_change"]
    own, base = (part["perplexity"]["value"] for part in (metrics["test"], metrics["base"]["test"]))
    sentence = (
        f"Perplexity of the test answers is {own:.3f} a token, {base:.3f} before fine-tuning (change of the "
        f"NLL {change['value']:.3f} nats, {change['low']:.3f} to {change['high']:.3f})."
    )
    if change["high"] < 0:
        yield finding("strength", "test answers", sentence, **change)
    else:
        yield finding("weakness", "test answers", f"No better than its base: {sentence}", **change)


def _written(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    own, base = metrics["test"]["generated"], metrics["base"]["test"]["generated"]
    endless = 1.0 - own["stopped"]["value"]
    if endless > ENDLESS:
        yield finding(
            "weakness", "answers without an end",
            f"{endless:.0%} of the greedy answers do not end by themselves.", share=endless,
        )  # fmt: skip
    if own["repetition"]["value"] > REPETITIVE:
        yield finding(
            "weakness", "repetition",
            f"{own['repetition']['value']:.0%} of the 4-grams of an answer came before in it.",
            **own["repetition"],
        )  # fmt: skip
    if own["chrf"]["low"] > base["chrf"]["high"]:
        yield finding(
            "strength", "greedy answers",
            f"Greedy answers reach chrF {own['chrf']['value']:.1f}, the base {base['chrf']['value']:.1f}; "
            f"{own['stopped']['value']:.0%} end by themselves, {base['stopped']['value']:.0%} of the base's.",
            chrf=own["chrf"]["value"], base_chrf=base["chrf"]["value"],
        )  # fmt: skip


def _elsewhere(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    """Further sets of rows whose answers surprise the model more than those of test, beyond chance."""
    test = metrics["test"]["nll"]
    for name, measured in metrics.items():
        known = name in OWN_SPLITS or not isinstance(measured, Mapping) or "perplexity" not in measured
        if known or measured["nll"]["low"] <= test["high"]:
            continue
        there = measured["nll"]
        yield finding(
            "weakness", name,
            f"Answers of {name} surprise it more than those of test: NLL {there['value']:.3f} nats a token "
            f"({there['low']:.3f} to {there['high']:.3f}) against {test['value']:.3f}.", **there,
        )  # fmt: skip


def _memorised(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    if metrics["loss_ratio"] > MEMORISED:
        yield finding(
            "weakness", "train rows",
            f"Validation loss is {metrics['loss_ratio']:.2f} times the train loss: train answers are learned "
            "by heart.", loss_ratio=metrics["loss_ratio"],
        )  # fmt: skip
