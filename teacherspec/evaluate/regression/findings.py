"""Strengths and weaknesses of scores as sentences, each with its numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

from teacherspec.evaluate.finding import Finding, memorised

BASE = "a ridge regression on the untrained base"


def all_findings(metrics: Mapping[str, Any], shifted: tuple[str, ...]) -> list[Finding]:
    """Findings that follow from the content of `metrics.json`.

    Args:
        metrics: content of `metrics.json`.
        shifted: names of the shifted splits.
    """
    return [
        *_quality(metrics["test"]),
        *_gain(metrics["gain"]),
        *_shifted(metrics, shifted),
        *memorised(metrics["loss_ratio"]),
    ]


def _quality(test: Mapping[str, Any]) -> Iterator[Finding]:
    pearson, rmse = test["pearson"], test["rmse"]
    sentence = (
        f"Test scores correlate with their labels by {_text(pearson)} (Pearson); the root of the mean "
        f"squared error is {_text(rmse)}."
    )
    if pearson["low"] > 0:
        yield Finding("strength", "pearson", sentence, dict(pearson))
    else:
        yield Finding("weakness", "pearson", sentence, dict(pearson))


def _gain(gains: Mapping[str, Any]) -> Iterator[Finding]:
    for split, gained in gains.items():
        found = gained["rmse"]
        by = f"its root mean squared error is lower by {_text(found)}"
        if found["low"] > 0:
            yield Finding("strength", "gain", f"Better than {BASE} on {split}: {by}.", dict(found))
        elif found["high"] < 0:
            yield Finding("weakness", "gain", f"Worse than {BASE} on {split}: {by}.", dict(found))
        else:
            sentence = f"Fine-tuning gains nothing certain over {BASE} on {split}: {by}."
            yield Finding("weakness", "gain", sentence, dict(found))


def _shifted(metrics: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[Finding]:
    """Sets whose error is significantly larger than that of test."""
    test = metrics["test"]["rmse"]
    for name in names:
        rmse = metrics[name]["rmse"]
        if rmse["low"] > test["high"]:
            sentence = f"Errs more in {name}: root mean squared error {_text(rmse)}, {_text(test)} on test."
            yield Finding("weakness", name, sentence, dict(rmse))


def _text(interval: Mapping[str, float]) -> str:
    return f"{interval['value']:.3f} ({interval['low']:.3f} to {interval['high']:.3f})"
