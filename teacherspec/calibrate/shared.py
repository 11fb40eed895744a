"""What calibration asks and tells of every form of predictions."""

from collections.abc import Iterator, Mapping, Sequence

from teacherspec.calibrate.methods import Fitted
from teacherspec.predictions import PredictionIndex

MINIMUM_ROWS = 20
"""Rows below which a calibrator would be guessed, not fitted; 100 and more are advised."""


def wrong_roles(index: PredictionIndex) -> Iterator[str]:
    """Problems where there is not exactly one calibration and one test split."""
    for role in ("calibration", "test"):
        if len(index.splits(role)) != 1:
            yield f"prepare: {len(index.splits(role))} splits have the role {role}; declare exactly one"


def overlaps(index: PredictionIndex, ids: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Problems where a calibrator would be reported on rows it was fitted on.

    Args:
        index: roles of the splits.
        ids: row ids by split.
    """
    fitted_on = {row for name in index.splits("calibration") for row in ids[name]}
    for name, rows in ids.items():
        shared = fitted_on.intersection(rows) if index.roles[name] != "calibration" else set()
        if shared:
            yield (
                f"prepare: {len(shared)} rows are in the calibration split and in {name}, such as "
                f"{min(shared)}; keep them apart"
            )


def fit_numbers(fitted: Fitted) -> dict[str, float]:
    """The fit itself, as numbers that `dvc metrics diff` can compare and a gate can judge."""
    numbers: dict[str, float] = {"fitted": int(fitted.status == "ok")}
    if fitted.temperature is not None:
        numbers["temperature"] = fitted.temperature.temperature
    if fitted.temperature is not None and fitted.temperature.standard_error is not None:
        numbers["standard_error"] = fitted.temperature.standard_error
    return numbers
