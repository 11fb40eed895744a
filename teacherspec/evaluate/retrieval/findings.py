"""Strengths and weaknesses in retrieval as sentences, each with the numbers behind it."""

from collections.abc import Iterator, Mapping
from typing import Any

from teacherspec.evaluate.classification.findings import MEMORISED, Finding

OWN_SPLITS = ("train", "validation", "calibration", "test", "base")
"""What is no further set of rows."""

ASKED = {"image_to_text": "images find a text of theirs", "text_to_image": "texts find an image of theirs"}


def findings(metrics: Mapping[str, Any]) -> list[Finding]:
    """What the numbers of `metrics.json` say."""
    return [*_learned(metrics), *_elsewhere(metrics), *_memorised(metrics)]


def _learned(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    for direction, asked in ASKED.items():
        own, base = metrics["test"][direction], metrics["base"]["test"][direction]
        recall, before, chance = own["recall_at_1"], base["recall_at_1"], own["chance_at_1"]
        sentence = (
            f"{recall['value']:.1%} ({recall['low']:.1%} to {recall['high']:.1%}) of the test {asked} first "
            f"among {own['candidates']}; by chance {chance:.1%}, before fine-tuning {before['value']:.1%}."
        )
        numbers = {**recall, "chance": chance, "base": before["value"]}
        if recall["low"] <= chance:
            yield Finding("weakness", direction, f"No better than chance: {sentence}", numbers)
        elif recall["low"] <= before["high"]:
            yield Finding("weakness", direction, f"Not surely better than its base: {sentence}", numbers)
        else:
            yield Finding("strength", direction, sentence, numbers)


def _elsewhere(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    """Further sets whose candidate sets, of the same size, are harder than those of test, beyond chance."""
    test = metrics["test"]["accuracy"]
    for name, measured in metrics.items():
        known = name in OWN_SPLITS or not isinstance(measured, Mapping)
        if known or measured["accuracy"]["high"] >= test["low"]:
            continue
        there = measured["accuracy"]
        yield Finding(
            "weakness", name,
            f"Finds less in {name}: right in {there['value']:.1%} ({there['low']:.1%} to "
            f"{there['high']:.1%}) of sets of {metrics['candidate_set_size']} candidates, "
            f"in {test['value']:.1%} on test.",
            dict(there),
        )  # fmt: skip


def _memorised(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    if metrics["loss_ratio"] > MEMORISED:
        yield Finding(
            "weakness", "train rows",
            f"Validation loss is {metrics['loss_ratio']:.2f} times the train loss, in candidate sets of "
            "the same size: train pairs are learned by heart.", {"loss_ratio": metrics["loss_ratio"]},
        )  # fmt: skip
