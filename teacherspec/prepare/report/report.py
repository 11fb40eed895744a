"""The report of `prepare`: what was read, what was removed and why, what is kept."""

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from teacherspec.plots.data import DataPicture, data_figure
from teacherspec.plots.style import drawing, save_png
from teacherspec.prepare.report.advice import advice
from teacherspec.prepare.report.finding_messages import Finding
from teacherspec.runtime.atomic_io import round_floats, write_json, write_text, write_tsv
from teacherspec.runtime.escaping import markdown_code as code
from teacherspec.runtime.headline_metrics import write_headline
from teacherspec.spec.prepare.prepare import Policy

HEADLINE = (
    "rows.read", "rows.kept", "rows.quarantined", "rows.duplicates", "rows.leaks", "looks_private.rows",
    "splits.*.rows",
)  # fmt: skip
"""Names of the numbers of `headline.json`."""

EXAMPLES = 5

LONGEST_LINE = 500
"""Characters of an example; longer ones are cut."""

NONE = "-"


def write_reports(
    folder: Path,
    metrics: dict[str, Any],
    findings: Sequence[Finding],
    policies: Mapping[str, Policy],
    picture: DataPicture,
    card: str,
) -> None:
    """Write `headline.json`, `classes.tsv` (class and split), `data.png`, the reports and `metrics.json`."""
    counts = [
        (label, split, rows) for label, splits in metrics["classes"].items() for split, rows in splits.items()
    ]
    write_tsv(folder / "classes.tsv", ("label", "split", "rows"), counts)
    write_text(folder / "card.md", card)
    write_text(folder / "report.md", report(metrics, findings, policies, picture.unit))
    with drawing():
        save_png(data_figure(picture), folder / "data.png")
    write_headline(folder, metrics, HEADLINE)
    write_json(folder / "metrics.json", round_floats(metrics))


def report(
    metrics: dict[str, Any], findings: Sequence[Finding], policies: Mapping[str, Policy], unit: str
) -> str:
    """The report as Markdown."""
    parts = [_rows(metrics["rows"], policies), _changed(metrics), _splits(metrics, unit)]
    parts += [_measures(metrics["splits"]), _drift(metrics)]
    parts += [_classes(metrics), _label_details(metrics), _found(findings)]
    lines = "\n".join(f"- {sentence}" for sentence in advice(metrics))
    return "\n\n".join(["# Prepared data", *filter(None, parts), f"## Advice\n\n{lines}"]) + "\n"


ROWS = {
    "read": "rows read",
    "blank_lines": "blank lines skipped",
    "left_out": "left out by transforms",
    "unsampled": "not sampled (`share`, `rows_per_class`)",
    "quarantined": "invalid rows in `quarantine.jsonl`: removed",
    "duplicates": "the same content and label in the same split",
    "leaks": "content also in a split nearer to the report",
    "leaks_with_another_label": "of these, labelled differently there",
    "group_leaks": "group also in a split nearer to the report",
    "near_leaks": "near duplicate in a split nearer to the report",
    "conflicts": "the same content with another label in the same split",
    "several_answers": "kept rows that share their content with another (several answers)",
    "near_duplicates": "near duplicate in the same split",
    "near_disagreeing": "near duplicate with another label: kept, one of the labels may be wrong",
    "kept": "**rows kept**",
}
"""Name of a count of rows → its description."""


def describe_rows(rows: Mapping[str, int], policies: Mapping[str, Policy]) -> list[str]:
    """The counts that are not 0, one a line, for the terminal."""
    return [f"{rows[name]:>9,} {_what(name, policies).strip('*')}" for name in ROWS if rows[name]]


def _rows(rows: dict[str, int], policies: Mapping[str, Policy]) -> str:
    return _table(("", "rows"), [(_what(name, policies), rows[name]) for name in ROWS])


def _what(name: str, policies: Mapping[str, Policy]) -> str:
    """The description of a count, and whether its rows were kept."""
    if name not in policies:
        return ROWS[name]
    return f"{ROWS[name]}: {'kept' if policies[name].action == 'keep' else 'removed'}"


def _splits(metrics: dict[str, Any], unit: str) -> str:
    columns = (
        *("split", "rows", "share (declared)", "smallest class", "largest class", "balance"),
        *(f"{unit} p50", "p95", "max"),
    )
    fractions = metrics.get("by_hash", {}).get("fractions", {})
    lines = [
        (
            name,
            split["rows"],
            f"{fractions[name]['reached']:.1%} ({fractions[name]['declared']:.1%})"
            if name in fractions
            else NONE,
            split.get("smallest_class", NONE),
            split.get("largest_class", NONE),
            f"{split['balance']:.3f}" if "balance" in split else NONE,
            *(split[unit][quantile] for quantile in ("p50", "p95", "max")),
        )
        for name, split in metrics["splits"].items()
    ]
    return "## Splits\n\n" + _table(columns, lines)


def _changed(metrics: dict[str, Any]) -> str:
    changed = metrics.get("changed", {})
    return (
        "## Changed while reading\n\n"
        + _table(("", "rows"), [(code(what), rows) for what, rows in changed.items()])
        if changed
        else ""
    )


def _measures(splits: dict[str, Any]) -> str:
    """One line a measure, one column a split; only columns of images have measures."""
    lines: dict[str, list[str]] = {}
    for split in splits.values():
        of_columns = {name: values for name, values in split.items() if isinstance(values, dict)}
        for column, measures in of_columns.items():
            for measure, summary in measures.items():
                if isinstance(summary, dict):
                    lines.setdefault(f"{column} {measure}", []).append(_measured(summary))
    caption = "Of a sample of each split: p05, p50 and p95, or shares."
    table = _table(("", *splits), [(code(name), *cells) for name, cells in lines.items()])
    return f"## Measures\n\n{caption}\n\n{table}" if lines else ""


def _measured(summary: dict[str, float]) -> str:
    return ", ".join(
        str(value) if isinstance(value, int) else f"{code(name)} {value:.3f}"
        for name, value in summary.items()
    )


def _drift(metrics: dict[str, Any]) -> str:
    lines = [
        (
            name,
            *(_distance(split["drift"], kind) for kind in ("words", "classes")),
            f"{split['drift']['classes_p_value']:.2g}" if "classes_p_value" in split["drift"] else NONE,
            _furthest(metrics["classes"], name),
        )
        for name, split in metrics["splits"].items()
        if "drift" in split
    ]
    caption = (
        "Distance from train, in brackets the distance expected by chance (0: the same, 1: nothing in "
        "common). p: p-value of a chi-squared test for equal class shares; furthest class: the class whose "
        "share differs most, with its share here and in train."
    )
    columns = ("split", "words", "classes", "p", "furthest class")
    return f"## Drift and stratification\n\n{caption}\n\n" + _table(columns, lines) if lines else ""


def _furthest(classes: Mapping[str, Mapping[str, int]], split: str) -> str:
    """The class whose share in a split differs most from that in train, in standard errors."""
    here, train = (sum(counts.get(name, 0) for counts in classes.values()) for name in (split, "train"))
    if not here or not train:
        return NONE
    shares = {label: (counts[split] / here, counts["train"] / train) for label, counts in classes.items()}

    def distance(label: str) -> float:
        found, expected = shares[label]
        return abs(found - expected) / math.sqrt(max(expected, 1 / train))

    label = max(shares, key=distance)
    return f"{code(label)}: {shares[label][0]:.1%} ({shares[label][1]:.1%})"


def _distance(drift: dict[str, float], kind: str) -> str:
    return f"{drift[kind]:.3f} ({drift[f'{kind}_by_chance']:.3f})" if kind in drift else NONE


def _classes(metrics: dict[str, Any]) -> str:
    if not metrics["classes"]:
        return ""
    splits = list(next(iter(metrics["classes"].values())))
    lines = [
        (code(label), *(counts[split] for split in splits)) for label, counts in metrics["classes"].items()
    ]
    return "## Classes\n\n" + _table(("label", *splits), lines)


def _label_details(metrics: dict[str, Any]) -> str:
    """A table a column that describes labels, with a line a split."""
    parts = []
    for column, splits in metrics.get("label_details", {}).items():
        names = list(dict.fromkeys(name for measures in splits.values() for name in measures))
        lines = [(split, *(f"{measures[name]:.6g}" for name in names)) for split, measures in splits.items()]
        titles = ("split", *(name.replace("_", " ") for name in names))
        parts.append(f"## Column {code(column)}\n\n" + _table(titles, lines))
    return "\n\n".join(parts)


def _found(findings: Sequence[Finding]) -> str:
    sections = []
    for finding in findings:
        if finding.total:
            examples = [f"- {code(line, LONGEST_LINE)}" for line in islice(finding.lines(), EXAMPLES)]
            more = [f"- … and {finding.total - EXAMPLES} more"] if finding.total > EXAMPLES else []
            sections.append("\n".join([f"### {finding.title}", "", *examples, *more]))
    return "\n\n".join(["## Found", *sections]) if sections else ""


def _table(columns: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    rows = [columns, ["---", *["---:"] * (len(columns) - 1)], *lines]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
