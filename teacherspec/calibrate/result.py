"""What the calibration of one output type hands to the stage, which writes it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from teacherspec.calibrators.fit import Fitted
from teacherspec.metrics.scores.validation import FloatArray
from teacherspec.runtime.atomic_io import round_floats
from teacherspec.spec.calibrate import Calibrate

WHEN = ("before", "after")
"""Before and after calibration."""


class TopLabel(Protocol):
    """Confidence and correctness of predicted labels."""

    @property
    def confidences(self) -> FloatArray:
        """`[N]`, probability of the predicted label."""

    @property
    def correct(self) -> npt.NDArray[Any]:
        """`[N]`, whether it is right."""


class RowScores(TopLabel, Protocol):
    """The same with the loss."""

    @property
    def nll(self) -> FloatArray:
        """`[N]`, nats."""


class Table(NamedTuple):
    """A table of the report."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Calibrated:
    """The result of the stage.

    Attributes:
        artifact: content of `calibration.json`.
        metrics: content of `metrics.json`: split → measures.
        fitted: the calibrator.
        test: name of the test split.
        scored: predicted labels of the test split, `before` and `after` calibration.
        at_temperature: temperature → scores of the test split at it, without any other calibrator.
        risk_curves: further curves for `risk_coverage.tsv`, by name.
        tables: tables that only this output type has, by file name.
    """

    artifact: Mapping[str, Any]
    metrics: Mapping[str, Any]
    fitted: Fitted
    test: str
    scored: Mapping[str, TopLabel]
    at_temperature: Callable[[float], RowScores]
    risk_curves: Mapping[str, TopLabel] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)


def fit_numbers(fitted: Fitted, on_test: Mapping[str, Any]) -> dict[str, float]:
    """The fit itself, as numbers that `dvc metrics diff` can compare and a quality gate can check.

    Args:
        fitted: the calibrator.
        on_test: measures of the test split. A calibrator that `worsened` them counts as not fitted.
    """
    numbers: dict[str, float] = {"fitted": int(fitted.status == "ok" and not on_test["worsened"])}
    if fitted.temperature is not None:
        numbers["temperature"] = fitted.temperature.temperature
    if fitted.temperature is not None and fitted.temperature.standard_error is not None:
        numbers["standard_error"] = fitted.temperature.standard_error
    return numbers


def headline(compared: Mapping[str, Any], counts: Sequence[str], measures: Sequence[str]) -> dict[str, Any]:
    """Some counts, and values before and after without intervals, which the split fitted on cannot have.

    Args:
        compared: nested measures of the calibration split.
        counts: names such as `rows`.
        measures: names such as `nll`.
    """
    return {
        **{name: compared[name] for name in counts},
        **{name: {when: compared[name][when]["value"] for when in WHEN} for name in measures},
    }


def artifact(
    section: Calibrate,
    fitted: Fitted,
    ids: Sequence[str],
    before_after: Mapping[str, Any],
    applies_to: str,
) -> dict[str, Any]:
    """Content of `calibration.json`: the calibrator as data, what it was fitted on, and how precise it is.

    Args:
        section: `params.yaml: calibrate`.
        fitted: the calibrator.
        ids: of the rows it was fitted on.
        before_after: its effect on these rows.
        applies_to: what it is applied to, in words.
    """
    temperature = fitted.temperature
    return {
        "applies_to": applies_to,
        "before_after": round_floats(dict(before_after)),
        "calibrator": fitted.calibrator.model_dump(mode="json"),
        "declared": section.method.model_dump(mode="json"),
        "keeps_argmax": fitted.calibrator.keeps_argmax,
        "out_of_fold_rows": fitted.further_rows,
        "reason": fitted.reason,
        "row_ids_sha256": hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest(),
        "rows": len(ids),
        "standard_error": None if temperature is None else temperature.standard_error,
        "status": fitted.status,
        "temperature": None if temperature is None else temperature.temperature,
    }
