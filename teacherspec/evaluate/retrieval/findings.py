"""Strengths and weaknesses in retrieval as sentences, each with its numbers."""

from collections.abc import Iterator, Mapping
from typing import Any

from teacherspec.evaluate.finding import Finding, further_sets, memorised

QUERIES = {"image_to_text": "images find a text of theirs", "text_to_image": "texts find an image of theirs"}


def all_findings(metrics: Mapping[str, Any]) -> list[Finding]:
    """Findings that follow from the content of `metrics.json`."""
    return [*_against_base(metrics), *_further_sets(metrics), *memorised(metrics["loss_ratio"])]


def _against_base(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    for direction, queries in QUERIES.items():
        own, base = metrics["test"][direction], metrics["base"]["test"][direction]
        recall, before, chance = own["recall_at_1"], base["recall_at_1"], own["chance_at_1"]
        sentence = (
            f"{recall['value']:.1%} ({recall['low']:.1%} to {recall['high']:.1%}) of the test {queries} "
            f"first among {own['candidates']}; by chance {chance:.1%}, "
            f"before fine-tuning {before['value']:.1%}."
        )
        numbers = {**recall, "chance": chance, "base": before["value"]}
        if recall["low"] <= chance:
            yield Finding("weakness", direction, f"No better than chance: {sentence}", numbers)
        elif recall["low"] <= before["high"]:
            sentence = f"Not significantly better than its base: {sentence}"
            yield Finding("weakness", direction, sentence, numbers)
        else:
            yield Finding("strength", direction, sentence, numbers)


def _further_sets(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    """Sets whose accuracy in candidate sets of the same size is significantly lower than that of test."""
    test = metrics["test"]["accuracy"]
    for name, measured in further_sets(metrics):
        accuracy = measured["accuracy"]
        if accuracy["high"] < test["low"]:
            sentence = (
                f"Finds less in {name}: right in {accuracy['value']:.1%} ({accuracy['low']:.1%} to "
                f"{accuracy['high']:.1%}) of sets of {metrics['candidate_set_size']} candidates, "
                f"in {test['value']:.1%} on test."
            )
            yield Finding("weakness", name, sentence, dict(accuracy))
