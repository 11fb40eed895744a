"""Whether committed reports agree with each other: what one stage measured, another measured again.

Receipts find accidents: whoever edits a number can write the receipt anew, because nothing in it is secret.
The same number stands in several reports, so that an edit of one alone is found without data. Who edits all
of them is found by scoring again from the predictions (docs/gitops.md).
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import read_json

EVALUATED, CALIBRATED = Path("reports/evaluate/metrics.json"), Path("reports/calibrate/metrics.json")
CONFUSION = Path("reports/evaluate/plots/confusion.tsv")

MEASURED_TWICE = ("accuracy", "nll")
"""Metrics of a split that `evaluate` reports, and `calibrate` before calibration."""

TOLERANCE = 1e-4
"""Reports are rounded, and sums of the same numbers in another order differ in the last digits."""


def disagreements(root: Path) -> Iterator[tuple[Path, str]]:
    """Report and problem, for every number that another report contradicts; reports may be absent."""
    evaluated, calibrated = (_read(root / path) for path in (EVALUATED, CALIBRATED))
    for split in evaluated.keys() & calibrated.keys():
        for name in MEASURED_TWICE:
            first = _number(evaluated[split], name)
            second = _number(calibrated[split], name, "before")
            if first is not None and second is not None and abs(first - second) > TOLERANCE:
                yield (
                    CALIBRATED,
                    f"{split}.{name}.before is {second:g}, but {split}.{name} of {EVALUATED} is {first:g}",
                )
    accuracy, counted = _number(evaluated, "test", "accuracy"), _accuracy(root / CONFUSION)
    if accuracy is not None and counted is not None and abs(accuracy - counted) > TOLERANCE:
        yield (
            CONFUSION,
            f"its rows give accuracy {counted:g}, but test.accuracy of {EVALUATED} is {accuracy:g}",
        )


def _read(path: Path) -> Mapping[str, Any]:
    """Content of a report; empty where it cannot be read, which is found by its hash in the lock."""
    try:
        found = read_json(path) if path.is_file() else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _number(report: Any, *names: str) -> float | None:
    """The number of nested names, with or without an interval; None where there is none."""
    for name in names:
        report = report.get(name) if isinstance(report, Mapping) else None
    value: Any = report.get("value") if isinstance(report, Mapping) else report
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None


def _accuracy(confusion: Path) -> float | None:
    """Share of the rows of the test split whose predicted label is the given one."""
    if not confusion.is_file():
        return None
    with confusion.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    if not rows or not {"label", "predicted"} <= rows[0].keys():
        return None
    return sum(bool(row["label"] == row["predicted"]) for row in rows) / len(rows)
