"""The report as one HTML file that needs nothing else: no script, no network, pictures inside.

The text of `report.html.j2` decides what is said and in which order; everything that comes from data is
escaped there by default.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherspec.evaluate.classification.analysis import Analysis
from teacherspec.evaluate.classification.findings import p_text, percent
from teacherspec.evaluate.classification.report import PICTURES, reliability_picture
from teacherspec.metrics.classification import per_class
from teacherspec.runtime.atomic_io import write_text
from teacherspec.spec.evaluate import Evaluate

TEMPLATE = "classification/report.html.j2"

SUSPECTS_SHOWN = 50
"""Likely label errors on the page; the table beside it holds all."""

SLICES_SHOWN = 60
"""Slices on the page, those in need first; the table beside it holds all."""

COLUMNS = (("accuracy", "accuracy"), ("macro_f1", "macro F1"), ("nll", "NLL"), ("brier", "Brier"))
"""Metrics with an interval, and how the page calls them."""


def write_page(
    report: Path,
    analysis: Analysis,
    section: Evaluate,
    thumbnails: Mapping[tuple[str, str], str],
    about_data: Mapping[str, Any] | None = None,
) -> None:
    """Write `report.html` into `report`, which holds the pictures already.

    Args:
        report: folder of the reports.
        analysis: the numbers.
        section: `params.yaml: evaluate`.
        about_data: what `prepare` counted; None leaves the section out.
        thumbnails: (split, row id) → `src` of a small picture; empty for rows that are not for the eye.
    """
    pictures = {name.removesuffix(".png"): inline((report / name).read_bytes()) for name in PICTURES}
    pictures["reliability"] = inline(reliability_picture(analysis.test, section.confidence))
    content = {**_content(analysis, section), "pictures": pictures, "thumbnails": thumbnails}
    content |= {"data": about_data, "data_unit": _unit(about_data)}
    write_text(report / "report.html", environment().get_template(TEMPLATE).render(**content))


def environment() -> Any:
    """Templates of `evaluate`, everything escaped by default."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(Path(__file__).parents[1]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["percent"] = percent
    made.filters["p_text"] = p_text
    return made


def _unit(about_data: Mapping[str, Any] | None) -> str:
    """What the sizes of rows are counted in: the one number of a split that comes in quantiles."""
    for split in (about_data or {}).get("splits", {}).values():
        for name, numbers in split.items():
            if isinstance(numbers, dict) and numbers.keys() >= {"p50", "p95", "max"}:
                return str(name)
    return ""


def inline(picture: bytes) -> str:
    """A PNG as the value of a `src` attribute."""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")


def _content(analysis: Analysis, section: Evaluate) -> Mapping[str, Any]:
    """What the template names."""
    test, metrics = analysis.test, analysis.metrics
    found = per_class(
        test.labels, test.predicted, n_classes=len(test.label_names), confidence=section.confidence
    )
    classes = sorted(
        zip(test.label_names, found, strict=True),
        key=lambda entry: (1.0 if entry[1].recall is None else entry[1].recall.value, entry[0]),
    )
    splits = {name: entry for name, entry in metrics.items() if isinstance(entry, dict) and "rows" in entry}
    order = ("test", *analysis.shifted, "validation", "calibration", "train")
    return {
        "columns": COLUMNS,
        "splits": {name: splits[name] for name in (*order, *sorted(splits.keys() - {*order}))},
        "shifted": tuple(analysis.shifted),
        "test": metrics["test"],
        "loss_ratio": metrics["loss_ratio"],
        "findings": {
            kind: [finding for finding in analysis.findings if finding.kind == kind]
            for kind in ("blind_spot", "weakness", "strength")
        },
        "classes": classes,
        "weak_classes": analysis.weak_classes,
        "slices": analysis.slices[:SLICES_SHOWN],
        "slice_count": len(analysis.slices),
        "combinations": analysis.combinations,
        "robustness": analysis.robustness,
        "examples": {
            kind: [example for example in analysis.examples if example.kind == kind]
            for kind in ("confidently_wrong", "undecided")
        },
        "suspects": analysis.suspects[:SUSPECTS_SHOWN],
        "suspect_count": len(analysis.suspects),
        "suspect_rows": sum(
            splits[name]["rows"] for name in ("validation", "calibration", "test") if name in splits
        ),
        "section": section,
    }
