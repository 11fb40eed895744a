"""Fit the calibrator that `calibrate.method` declares.

To add a method, write its section in `spec/calibrate.py`, its calibrator in `fitted.py`, the function that
fits it, and one line in `FITTERS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.affine import fit_dirichlet, fit_vector
from teacherspec.calibrators.auto_select import CANDIDATES, choose, cross_validate
from teacherspec.calibrators.class_temperature import fit_class_temperature
from teacherspec.calibrators.fitted import Calibrator, Identity, Temperature
from teacherspec.calibrators.temperature import (
    Status,
    TemperatureFit,
    departure_from_one,
    fit_temperature,
)
from teacherspec.calibrators.top_label_curves import fit_histogram, fit_isotonic
from teacherspec.spec.calibrate import (
    Auto,
    ClassTemperatureScaling,
    DirichletCalibration,
    HistogramBinning,
    IsotonicRegression,
    Method,
    NoCalibration,
    TemperatureScaling,
    VectorScaling,
)
from teacherspec.spec.section import Section

WITH_FURTHER = "with out-of-fold rows"
"""After the name of a method that is fitted on further rows too."""

DECLARED = "declared"
"""The reason of a calibrator that the declaration names."""


@dataclass(frozen=True)
class Rows:
    """Rows that a calibrator may be fitted on.

    Attributes:
        logits: `[N, C]`, before any temperature.
        labels: `[N]`.
    """

    logits: npt.ArrayLike
    labels: npt.ArrayLike


@dataclass(frozen=True)
class Fitted:
    """A calibrator and how it was chosen.

    Attributes:
        calibrator: plain data; see `fitted.apply`.
        temperature: the temperature fit it is or starts from; None if it involves none.
        reason: why this calibrator, one sentence.
        further_rows: number of rows of other models that it was fitted on too.
    """

    calibrator: Calibrator
    temperature: TemperatureFit | None
    reason: str
    further_rows: int = 0

    @property
    def status(self) -> Status:
        """`ok`, or why the temperature that this rests on could not be fitted."""
        return "ok" if self.temperature is None else self.temperature.status


def fit(method: Method, logits: npt.ArrayLike, labels: npt.ArrayLike, further: Rows | None = None) -> Fitted:
    """Fit the declared method.

    Args:
        method: `calibrate.method`.
        logits: `[N, C]`, before any temperature.
        labels: `[N]`.
        further: rows of other models, to fit on too. `auto` chooses whether to, and scores no method on them.

    Raises:
        ValueError: wrong shapes, or values out of range, naming the row.
    """
    if isinstance(method, Auto):
        return _auto(method, logits, labels, further)
    if further is None:
        return FITTERS[type(method)](method, logits, labels)
    joined = [
        np.concatenate([np.asarray(own), np.asarray(other)])
        for own, other in ((logits, further.logits), (labels, further.labels))
    ]
    found = FITTERS[type(method)](method, *joined)
    return replace(found, further_rows=len(joined[1]) - len(np.asarray(labels)))


def _identity(_method: NoCalibration, _logits: npt.ArrayLike, _labels: npt.ArrayLike) -> Fitted:
    return Fitted(Identity(), None, DECLARED)


def _temperature(_method: TemperatureScaling, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
    result = fit_temperature(logits, labels)
    return Fitted(Temperature(temperature=result.temperature), result, DECLARED)


def _class_temperature(
    method: ClassTemperatureScaling, logits: npt.ArrayLike, labels: npt.ArrayLike
) -> Fitted:
    return Fitted(*fit_class_temperature(logits, labels, minimum_rows=method.minimum_rows), DECLARED)


def _vector(method: VectorScaling, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
    return Fitted(*fit_vector(logits, labels, shrinkage=method.shrinkage), DECLARED)


def _dirichlet(method: DirichletCalibration, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
    return Fitted(*fit_dirichlet(logits, labels, shrinkage=method.shrinkage), DECLARED)


def _isotonic(_method: IsotonicRegression, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
    return Fitted(fit_isotonic(logits, labels), None, DECLARED)


def _histogram(method: HistogramBinning, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
    return Fitted(fit_histogram(logits, labels, n_bins=method.n_bins), None, DECLARED)


def _auto(method: Auto, logits: npt.ArrayLike, labels: npt.ArrayLike, further: Rows | None) -> Fitted:
    """The simplest method that no other beats on held-out rows; fitted on further rows only if that wins."""
    options = [
        (candidate, rows)
        for candidate in CANDIDATES
        for rows in ((None,) if further is None or isinstance(candidate, NoCalibration) else (None, further))
    ]
    results = [
        cross_validate(
            candidate.kind if rows is None else f"{candidate.kind} {WITH_FURTHER}",
            partial(_calibrator, candidate, rows),
            logits,
            labels,
            method,
        )
        for candidate, rows in options
    ]
    departure = departure_from_one(logits, labels)
    best, reason = choose(
        [
            replace(result, departure=departure) if isinstance(candidate, TemperatureScaling) else result
            for result, (candidate, _) in zip(results, options, strict=True)
        ]
    )
    chosen, rows = options[best]
    return replace(fit(chosen, logits, labels, rows), reason=reason)


def _calibrator(
    method: Method, further: Rows | None, logits: npt.ArrayLike, labels: npt.ArrayLike
) -> Calibrator:
    return fit(method, logits, labels, further).calibrator


FITTERS: Mapping[type[Section], Callable[[Any, npt.ArrayLike, npt.ArrayLike], Fitted]] = {
    NoCalibration: _identity,
    TemperatureScaling: _temperature,
    ClassTemperatureScaling: _class_temperature,
    VectorScaling: _vector,
    DirichletCalibration: _dirichlet,
    IsotonicRegression: _isotonic,
    HistogramBinning: _histogram,
}
"""Section of a method but `auto` → the function that fits it on logits `[N, C]` and labels `[N]`."""
