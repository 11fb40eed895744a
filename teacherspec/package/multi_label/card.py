"""What the card shows of a multi-label teacher: quality by split, calibration, thresholds and labels."""

from collections.abc import Mapping
from typing import Any

from teacherspec.package.card.card_findings import interval
from teacherspec.package.card.markdown_table import markdown_table
from teacherspec.package.classification.card import calibration_results
from teacherspec.package.stage_outputs import StageOutputs
from teacherspec.runtime.escaping import markdown_code as code
from teacherspec.splits import UNLABELLED

COLUMNS = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "subset_accuracy": "all labels right",
    "mean_average_precision": "mean AP",
    "ranking_loss": "ranking loss",
    "nll": "NLL (nats)",
}
"""Metrics of a split, and their titles."""

DECIDED = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "sample_f1": "F1 of a row",
    "subset_accuracy": "all labels right",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
}
"""Metrics of the labels that reach their thresholds, and their titles."""

LABELS_SHOWN = 30


def card_sections(outputs: StageOutputs) -> list[str]:
    """Results, and labels."""
    return [_results(outputs), _thresholds(outputs), _labels(outputs)]


def model_index(outputs: StageOutputs) -> list[tuple[str, str, str, str]]:
    """(split, metric type, metric name, dotted name) of the results in the `model-index`."""
    reported = ["test", *(split.name for split in outputs.prepared.of_role("shifted"))]
    found = [
        (split, kind, name, metric)
        for split in reported
        for kind, name, metric in (
            ("f1", "Macro F1 as calibrated", f"calibrate.{split}.thresholds.macro_f1"),
            ("f1", "Micro F1 as calibrated", f"calibrate.{split}.thresholds.micro_f1"),
            ("mean_average_precision", "Mean AP", f"evaluate.{split}.mean_average_precision"),
        )
    ]
    return [*found, ("test", "ece", "Classwise ECE after calibration", "calibrate.test.classwise_ece.after")]


def _results(outputs: StageOutputs) -> str:
    splits = [split for split in outputs.prepared.splits.values() if split.role not in UNLABELLED]
    rows = [
        (
            split.name,
            split.rows,
            *(interval(outputs.number(f"evaluate.{split.name}.{metric}")) for metric in COLUMNS),
        )
        for split in splits
    ]
    ratio = outputs.number("evaluate.loss_ratio").value
    per_row = outputs.number("evaluate.test.labels_per_row").value
    return (
        "## Results\n\nIntervals in brackets, over rows; before calibration, at temperature 1, each label "
        f"predicted from a probability of 0.5 on. A test row has {per_row:.2f} labels on average.\n\n"
        f"{markdown_table(('split', 'rows', *COLUMNS.values()), rows)}\n\n"
        f"Validation loss over train loss: {ratio:.3f}.\n\n"
        f"{calibration_results(outputs)}\n\nThese are of all decisions on labels together, with the "
        f"probability of the likelier answer. {_classwise(outputs)}"
    )


def _classwise(outputs: StageOutputs) -> str:
    """Classwise ECE before and after calibration, and its noise."""
    both = " → ".join(
        interval(outputs.number(f"calibrate.test.classwise_ece.{when}")) for when in ("before", "after")
    )
    noise = outputs.number("calibrate.test.classwise_ece.noise_after").value
    return (
        f"The mean over labels of the ECE of their probabilities (classwise ECE) on test: {both}; right "
        f"probabilities show up to {noise:.3f} on as many rows."
    )


def _thresholds(outputs: StageOutputs) -> str:
    rows = [
        (split, *(interval(outputs.number(f"calibrate.{split}.thresholds.{metric}")) for metric in DECIDED))
        for split in ("test", *(one.name for one in outputs.prepared.of_role("shifted")))
    ]
    return (
        f"### Predicted labels\n\n{_rule(outputs.calibration['thresholds'])}\n\n"
        f"{markdown_table(('split', *DECIDED.values()), rows)}"
    )


def _rule(saved: Mapping[str, Any]) -> str:
    """How thresholds were chosen."""
    rule, limits = saved["rule"], saved["by_label"]
    if rule is None:
        return "A label is predicted from a calibrated probability of 0.5 on."
    where = "on calibration rows; they are in `calibration/calibration.json`"
    if rule["kind"] == "f1":
        return f"A label is predicted from the calibrated probability on that gave it the highest F1 {where}."
    never = [code(name) for name, limit in sorted(limits.items()) if limit is None]
    text = (
        f"A label is predicted from the lowest calibrated probability on above which {rule['at_least']:g} of "
        f"its predictions were right {where}. This is no guarantee for other rows."
    )
    return f"{text} Never predicted, as none reached it: {', '.join(never)}." if never else text


def _labels(outputs: StageOutputs) -> str:
    """Each label on test as it is predicted, the weakest first; of many labels only those."""
    known = [row for row in outputs.labels if row["f1"] is not None]
    weakest = sorted(known, key=lambda row: (row["f1"], row["label"]))[:LABELS_SHOWN]
    rows = [
        (code(row["label"]), int(row["rows"]), *(_shown(row, name) for name in NUMBERS)) for row in weakest
    ]
    count = "All" if len(weakest) == len(outputs.labels) else f"The {len(weakest)} weakest of"
    columns = ("label", "rows", *NUMBERS.values())
    title = f"### Labels\n\n{count} {len(outputs.labels)} labels on test, by F1:"
    return f"{title}\n\n{markdown_table(columns, rows)}"


NUMBERS = {
    "threshold": "threshold",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "ece_after": "ECE",
    "floor_after": "its noise floor",
}
"""Columns of a label, and their titles."""


def _shown(row: Mapping[str, Any], name: str) -> str:
    return "–" if row[name] is None else f"{row[name]:.3f}"
