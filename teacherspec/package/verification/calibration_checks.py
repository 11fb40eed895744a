"""Whether `calibration.json` is what reports, declaration and rows say of the calibrator."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from teacherspec.package.quality_gates import find
from teacherspec.package.resumable_shards import read_shards
from teacherspec.package.verification.package_reader import OpenedPackage

ROUNDING = 1e-6

NLL_TOLERANCE = 1e-5
"""Reports are rounded to six decimals."""


def check_calibrated_nll(
    opened: OpenedPackage, mean_nll: Callable[[str], float], tolerance: float = NLL_TOLERANCE
) -> Iterator[str]:
    """The calibrator gives, on the rows it was fitted on, the loss it was saved with.

    Nothing can be checked where those rows are not among the soft targets.

    Args:
        opened: the package.
        mean_nll: from the name of a split to its mean NLL after calibration, nats, by its soft targets.
        tolerance: largest difference, nats.
    """
    stated = opened.calibration()["before_after"]["nll"]["after"]
    yield from _facts(opened)
    for name, split in opened.metadata.splits.items():
        if split.role == "calibration" and name in opened.metadata.soft_targets.rows:
            found = mean_nll(name)
            if not abs(found - stated) <= tolerance:
                yield f"calibration: NLL {found:.6f} after calibration, calibration.json says {stated:.6f}"


def _facts(opened: OpenedPackage) -> Iterator[str]:
    """Fields of `calibration.json` that follow from reports, declaration, calibrator and rows."""
    saved, rule = opened.calibration(), opened.calibration().get("abstention") or {}
    numbers = {
        **dict(_numbers(saved["before_after"])),
        "temperature": saved["temperature"],
        "standard_error": saved["standard_error"],
        "abstention.threshold": rule.get("threshold"),
    }
    for name, value in numbers.items():
        reported = find(opened.reports, f"calibrate.calibration.{name}")
        stated = None if reported is None else reported.value
        if value != stated and (value is None or stated is None or not abs(value - stated) <= ROUNDING):
            yield f"calibration: {name} is {value}, eval/calibrate/metrics.json says {stated}"
    declared = opened.spec.get("calibrate")
    if declared is not None:
        if saved["declared"] != declared["method"]:
            yield "calibration: declared is not calibrate.method of provenance/spec.json"
        terms = declared.get("abstain")
        if terms is not None and any(rule.get(name) != value for name, value in terms.items()):
            yield "calibration: abstention is not calibrate.abstain of provenance/spec.json"
    if saved["keeps_argmax"] != opened.calibrator().keeps_argmax:
        yield "calibration: keeps_argmax is not that of the calibrator"
    rows = [split.rows for split in opened.metadata.splits.values() if split.role == "calibration"]
    if [saved["rows"]] != rows:
        yield "calibration: rows is not the number of rows of the calibration split"
    for split in opened.metadata.soft_targets.rows:
        role = opened.metadata.splits[split].role
        if role == "calibration" and saved["row_ids_sha256"] != _ids(opened, split):
            yield f"calibration: row_ids_sha256 is not that of the rows of {split}"


def _numbers(values: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, float]]:
    """Dotted name and value of every number in nested mappings."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{name}{key}.")
        else:
            yield f"{name}{key}", value


def _ids(opened: OpenedPackage, split: str) -> str:
    """Hex SHA-256 of the sorted ids of a split, one a line."""
    ids = [
        identifier
        for batch in read_shards(opened.folder / "distill", split, ["id"])
        for identifier in batch["id"].to_pylist()
    ]
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()
