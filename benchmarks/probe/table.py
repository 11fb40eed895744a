"""The tables of the README, from the lines of `runs.jsonl`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

from benchmarks.page import fill
from benchmarks.probe.measure import SECTIONS

README = Path(__file__).with_name("README.md")

EXPECTED = ("early-stopped", "best", "label-smoothed", "over-trained", "label-shuffled")
"""The order of lift that was written down before the first run, the largest first."""

Lines = Mapping[tuple[str, str, str], Mapping[str, Any]]
"""Teacher, student and set → what was measured."""


def write_tables(runs: Path, controls: Path, ensembles: Path) -> None:
    """Fill the tables, and the correlations where every teacher was probed, into the README."""
    for name, path, rows in (("controls", controls, _controls), ("ensembles", ensembles, _ensembles)):
        fill(README, name, rows([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]))
    found = [json.loads(line) for line in runs.read_text(encoding="utf-8").splitlines()]
    by_place: Lines = {(one["teacher"], one["student"], one["set"]): one for one in found}
    written: list[str] = []
    for student in SECTIONS:
        for name in dict.fromkeys(one["set"] for one in found if one["student"] == student):
            written += [f"### {student}, {name}", "", *_table(by_place, student, name), ""]
    fill(README, "tables", [*written, *_correlations(by_place)])


def _table(found: Lines, student: str, name: str) -> list[str]:
    titles = (
        "teacher", "accuracy", "NLL", "ECE", "lift, points", "soft, T 2 alone", "control", "retention",
        "recommended", "verdict",
    )  # fmt: skip
    lines = [f"| {' | '.join(titles)} |", "|---|" + "--:|" * 7 + "---|---|"]
    for teacher in EXPECTED:
        one = found.get((teacher, student, name))
        if one is not None:
            numbers = [f"{one[key]:.3f}" for key in ("accuracy", "nll", "ece")]
            lifts = [_points(one["lift"]), f"{100 * one['soft_at_2']:+.1f}"]
            control = f"{100 * one['control'][0]:+.1f}"
            words = [one["recommended"], one["verdict"]]
            cells = [teacher, *numbers, *lifts, control, f"{one['retention']:.3f}", *words]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _controls(found: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        "| teacher | set | lift, points | best smoothed labels | lift over smoothed labels | verdict |",
        "|---|---|--:|--:|--:|---|",
    ]
    for one in sorted(found, key=lambda line: (line["set"] != "test", EXPECTED.index(line["teacher"]))):
        lifts = (_points(one["lift"]), f"{100 * one['smoothed']:+.1f}", _points(one["over_smoothing"]))
        lines.append(f"| {' | '.join([one['teacher'], one['set'], *lifts, one['verdict']])} |")
    return lines


def _ensembles(found: Sequence[Mapping[str, Any]]) -> list[str]:
    titles = (
        "data", "set", "targets", "accuracy, NLL on unlabelled rows", "lift over labels only, points",
        "over the teacher's targets, points", "recommended",
    )  # fmt: skip
    lines = [f"| {' | '.join(titles)} |", "|---|---|---|--:|--:|--:|---|"]
    for one in found:
        quality = f"{one['unlabelled_accuracy']:.3f}, {one['unlabelled_nll']:.3f}"
        over = "" if one["source"] == "teacher" else _points(one["over_teacher"])
        cells = (
            one["data"],
            one["set"],
            one["source"],
            quality,
            _points(one["lift"]),
            over,
            one["recommended"],
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _points(lift: Sequence[float]) -> str:
    value, low, high = (100 * end for end in lift)
    return f"{value:+.1f} ({low:.1f} to {high:.1f})"


def _correlations(found: Lines) -> list[str]:
    lifts = {
        student: [found[teacher, student, "test"]["lift"][0] for teacher in EXPECTED]
        for student in SECTIONS
        if all((teacher, student, "test") in found for teacher in EXPECTED)
    }
    if not lifts:
        return ["Not every teacher has been probed yet."]
    first, *others = lifts
    expected = [-place for place in range(len(EXPECTED))]
    lines = [f"Spearman correlation over the five teachers, lift of {first} on test:", ""]
    lines.append(f"- with the expected order: {_rho(lifts[first], expected):+.2f}")
    lines += [f"- with the lift of {other}: {_rho(lifts[first], lifts[other]):+.2f}" for other in others]
    for words, key, sign in (
        ("accuracy", "accuracy", 1),
        ("NLL, turned", "nll", -1),
        ("ECE, turned", "ece", -1),
        ("retention", "retention", 1),
    ):
        values = [sign * found[teacher, first, "test"][key] for teacher in EXPECTED]
        lines.append(f"- with the teacher's {words}: {_rho(lifts[first], values):+.2f}")
    return lines


def _rho(first: Sequence[float], second: Sequence[float]) -> float:
    return float(spearmanr(first, second).statistic)
