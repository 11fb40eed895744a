"""What calibration asks and tells of every form of predictions."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from teacherspec.calibrate.before_after import Scored, score
from teacherspec.calibrators.calibrators import apply
from teacherspec.calibrators.methods import Fitted
from teacherspec.metrics.softmax import log_softmax
from teacherspec.predictions.classification import PredictionIndex
from teacherspec.runtime.atomic_io import round_floats
from teacherspec.spec.calibrate import Calibrate

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


def unfit(index: PredictionIndex, ids: Mapping[str, Sequence[str]]) -> list[str]:
    """Problems with roles and rows: one split each, enough to fit on, and none reported that was fitted on.

    Args:
        index: roles of the splits.
        ids: row ids by split.
    """
    short = [name for name in index.splits("calibration") if len(ids[name]) < MINIMUM_ROWS]
    return [
        *wrong_roles(index),
        *overlaps(index, ids),
        *(
            f"prepare: split {name} has {len(ids[name])} rows; calibration needs {MINIMUM_ROWS}, add some"
            for name in short
        ),
    ]


def fit_numbers(fitted: Fitted) -> dict[str, float]:
    """The fit itself, as numbers that `dvc metrics diff` can compare and a gate can judge."""
    numbers: dict[str, float] = {"fitted": int(fitted.status == "ok")}
    if fitted.temperature is not None:
        numbers["temperature"] = fitted.temperature.temperature
    if fitted.temperature is not None and fitted.temperature.standard_error is not None:
        numbers["standard_error"] = fitted.temperature.standard_error
    return numbers


def both(logits: npt.ArrayLike, labels: npt.ArrayLike, fitted: Fitted) -> tuple[Scored, Scored]:
    """Logits `[N, C]` with labels `[N]` under the model's own probabilities, and under calibrated ones."""
    return score(log_softmax(logits), labels), score(apply(fitted.calibrator, logits), labels)


def headline(compared: Mapping[str, Any], names: Sequence[str] = ("nll", "brier", "ece")) -> dict[str, Any]:
    """Number of rows, and values before and after, without intervals."""
    return {
        "rows": compared["rows"],
        **{name: {when: compared[name][when]["value"] for when in ("before", "after")} for name in names},
    }


def artifact(
    section: Calibrate,
    fitted: Fitted,
    ids: Sequence[str],
    before_after: Mapping[str, Any],
    applies_to: str,
) -> dict[str, Any]:
    """Content of `calibration.json`: the calibrator as data, where it comes from and how far to trust it.

    Args:
        section: `params.yaml: calibrate`.
        fitted: the calibrator.
        ids: of the rows it was fitted on.
        before_after: what it does to these rows.
        applies_to: what it is for, in words.
    """
    found = fitted.temperature
    return {
        "applies_to": applies_to,
        "before_after": round_floats(dict(before_after)),
        "calibrator": fitted.calibrator.model_dump(mode="json"),
        "declared": section.method.model_dump(mode="json"),
        "keeps_argmax": fitted.calibrator.keeps_argmax,
        "reason": fitted.reason,
        "row_ids_sha256": hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest(),
        "rows": len(ids),
        "standard_error": None if found is None else found.standard_error,
        "status": fitted.status,
        "temperature": None if found is None else found.temperature,
    }
