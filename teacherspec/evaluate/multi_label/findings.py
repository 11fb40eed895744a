"""Strengths and weaknesses of a multi-label teacher as sentences, each with its numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from teacherspec.evaluate.finding import Finding, further_sets, memorised
from teacherspec.evaluate.multi_label.metrics import CLASS_COLUMNS
from teacherspec.runtime.escaping import markdown_code as code

FEW = 10
"""Test rows with a label below which nothing certain is known of it."""

COMPARED = {"mean_average_precision": "mean average precision", "macro_f1": "macro F1 from 0.5 on"}
"""Metrics whose gain is a finding, in words."""


def all_findings(
    metrics: Mapping[str, Any], classes: Sequence[Sequence[object]], opponent: str
) -> list[Finding]:
    """Findings from the content of `metrics.json` and the rows of the table of labels.

    Args:
        metrics: content of `metrics.json`.
        classes: in the order of `CLASS_COLUMNS`.
        opponent: what the teacher is compared with, in words.
    """
    labels = [dict(zip(CLASS_COLUMNS, row, strict=True)) for row in classes]
    return [
        *_gains(metrics, opponent),
        *_labels(metrics, labels),
        *_further_sets(metrics),
        *memorised(metrics["loss_ratio"]),
    ]


def _gains(metrics: Mapping[str, Any], opponent: str) -> Iterator[Finding]:
    for split, gained in metrics["gain"].items():
        for name, words in COMPARED.items():
            found = gained[name]
            by = f"{found['value']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})".replace("-", "−")
            if found["low"] > 0:
                sentence = f"Better than {opponent} on {split}: {words} {by}."
                yield Finding("strength", "gain", sentence, dict(found))
            elif found["high"] < 0:
                sentence = f"Worse than {opponent} on {split}: {words} {by}."
                yield Finding("weakness", "gain", sentence, dict(found))
            else:
                sentence = f"Fine-tuning gains nothing certain over {opponent} on {split}: {words} {by}."
                yield Finding("weakness", "gain", sentence, dict(found))


def _labels(metrics: Mapping[str, Any], labels: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Labels that are never found from 0.5 on, labels of few rows, and the best and worst of the others."""
    unfound = [row for row in labels if row["support"] and not row["recall"]]
    if unfound:
        names = ", ".join(code(row["label"]) for row in unfound)
        sentence = f"Never predicted with a probability of 0.5 where it is given: {names}."
        yield Finding("weakness", "label", sentence, {"labels": len(unfound)})
    rare = [row for row in labels if row["support"] < FEW]
    if rare:
        names = ", ".join(f"{code(row['label'])} ({row['support']})" for row in rare)
        sentence = f"Labels that fewer than {FEW} test rows have, of which these rows say little: {names}."
        yield Finding("blind_spot", "label", sentence, {"labels": len(rare)})
    known = sorted((row for row in labels if row["support"] >= FEW), key=lambda row: row["average_precision"])
    if known:
        mean = metrics["test"]["mean_average_precision"]["value"]
        for kind, row in (("weakness", known[0]), ("strength", known[-1])):
            which = "lowest" if kind == "weakness" else "highest"
            sentence = (
                f"The {which} average precision is that of {code(row['label'])}: "
                f"{row['average_precision']:.3f} on {row['support']} test rows that have it; the mean over "
                f"labels is {mean:.3f}."
            )
            numbers = {"average_precision": row["average_precision"], "mean": mean}
            yield Finding("strength" if kind == "strength" else "weakness", "label", sentence, numbers)


def _further_sets(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    test = metrics["test"]["macro_f1"]
    for name, measured in further_sets(metrics):
        found = measured["macro_f1"]
        if found["high"] < test["low"]:
            sentence = (
                f"Worse on {name}: macro F1 {found['value']:.3f} ({found['low']:.3f} to "
                f"{found['high']:.3f}), {test['value']:.3f} on test."
            )
            yield Finding("weakness", name, sentence, dict(found))
