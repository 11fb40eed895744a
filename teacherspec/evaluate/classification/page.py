"""The content of the page of classification."""

from collections.abc import Mapping
from typing import Any

from teacherspec.evaluate.classification.analysis import Analysis
from teacherspec.evaluate.classification.label_errors import LISTED
from teacherspec.evaluate.classification.report import reliability_picture
from teacherspec.evaluate.context import Paths
from teacherspec.evaluate.html import write_page
from teacherspec.metrics.scores.classification import per_class
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.evaluate import Evaluate

TEMPLATE = "classification/report.html.j2"

SUSPECTS_SHOWN = 50
"""Likely label errors on the page; `label_errors.tsv` holds more."""

SLICES_SHOWN = 60
"""Slices on the page, the weakest first; `slices.tsv` holds all."""

COLUMNS = (("accuracy", "accuracy"), ("macro_f1", "macro F1"), ("nll", "NLL"), ("brier", "Brier"))
"""Metrics with an interval, and their titles on the page."""


def write_classification_page(
    paths: Paths, analysis: Analysis, section: Evaluate, thumbnails: Mapping[tuple[str, str], str]
) -> None:
    """Write `report.html`; the plots are written already.

    Args:
        paths: of the stage.
        analysis: the numbers.
        section: `params.yaml: evaluate`.
        thumbnails: (split, row id) → `src` of a small picture; empty for rows without images.
    """
    data = None if paths.data_metrics is None else read_json(paths.data_metrics)
    content = {**_content(analysis, section), "thumbnails": thumbnails}
    content |= {"data": data, "data_unit": _unit(data)}
    write_page(
        paths, TEMPLATE, content, {"reliability": reliability_picture(analysis.test, section.confidence)}
    )


def _unit(data: Mapping[str, Any] | None) -> str:
    """The unit of the sizes of rows: the name of the one number of a split that comes in quantiles."""
    for split in (data or {}).get("splits", {}).values():
        for name, numbers in split.items():
            if isinstance(numbers, dict) and numbers.keys() >= {"p50", "p95", "max"}:
                return str(name)
    return ""


def _content(analysis: Analysis, section: Evaluate) -> dict[str, Any]:
    """The variables of the template."""
    test, metrics = analysis.test, analysis.metrics
    by_class = per_class(
        test.labels, test.predicted, n_classes=len(test.label_names), confidence=section.confidence
    )
    classes = sorted(
        zip(test.label_names, by_class, strict=True),
        key=lambda entry: (1.0 if entry[1].recall is None else entry[1].recall.value, entry[0]),
    )
    splits = {name: entry for name, entry in metrics.items() if isinstance(entry, dict) and "rows" in entry}
    order = ("test", *analysis.shifted, "validation", "calibration", "train")
    return {
        "columns": COLUMNS,
        "splits": {name: splits[name] for name in (*order, *sorted(splits.keys() - {*order}))},
        "shifted": tuple(analysis.shifted),
        "test": metrics["test"],
        "gain": metrics["gain"]["test"]["accuracy"],
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
        "suspects_listed": min(LISTED, len(analysis.suspects)),
        "suspect_rows": sum(
            splits[name]["rows"] for name in ("validation", "calibration", "test") if name in splits
        ),
        "section": section,
    }
