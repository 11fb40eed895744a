"""Which splits a calibrator is fitted and reported on, and what is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence

from teacherspec.predictions.index import PredictionIndex
from teacherspec.spec.calibrate import Calibrate

MINIMUM_ROWS = 20
"""Rows below which no calibrator is fitted; 100 and more are advised."""

REPORTED_ROWS = 2
"""Rows below which a split has no interval."""


def split_problems(
    index: PredictionIndex, ids: Mapping[str, Sequence[str]], out_of_fold: Sequence[str] = ()
) -> Iterator[str]:
    """Problems with roles and rows: not one split each, too few rows, or rows both fitted on and reported.

    Args:
        index: roles of the splits.
        ids: row ids by split.
        out_of_fold: ids of train rows that are fitted on too.
    """
    for role in ("calibration", "test"):
        if len(index.splits(role)) != 1:
            yield f"prepare: {len(index.splits(role))} splits have the role {role}; declare exactly one"
    for name, rows in ids.items():
        least = MINIMUM_ROWS if index.roles[name] == "calibration" else REPORTED_ROWS
        if len(rows) < least:
            yield f"prepare: split {name} has {len(rows)} rows; calibration needs at least {least}, add rows"
    fitted_on = {row for name in index.splits("calibration") for row in ids[name]}.union(out_of_fold)
    for name, rows in ids.items():
        shared = fitted_on.intersection(rows) if index.roles[name] != "calibration" else set()
        if shared:
            yield (
                f"prepare: {len(shared)} rows are in what the calibrator is fitted on and in {name}, such as "
                f"{min(shared)}; no row may be in both"
            )


def method_problems(section: Calibrate, allowed: Sequence[str], output_type: str) -> Iterator[str]:
    """A problem where the declared method is not one of those `allowed` for this output type."""
    if section.method.kind not in allowed:
        yield (
            f"calibrate.method: {section.method.kind} is for classification; {output_type} is calibrated by "
            f"{' or '.join(allowed)}"
        )
