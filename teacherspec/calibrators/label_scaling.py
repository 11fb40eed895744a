"""Calibration of multi-label logits: one temperature for all labels, or Platt scaling of each.

A decision on a label is a choice between the logits 0 and z, so that sigmoid(z / T) is temperature scaling of
two classes, and everything known of it holds. Decisions of one row depend on each other: standard errors and
tests take the row as the unit (Liang & Zeger 1986).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from teacherspec.calibrators.auto_select import HeldOut, choose
from teacherspec.calibrators.fit import DECLARED, Fitted
from teacherspec.calibrators.fitted import Identity, Temperature, Vector
from teacherspec.calibrators.label_logits import label_logits
from teacherspec.calibrators.temperature import TemperatureFit, fit_temperature
from teacherspec.metrics.scores.multi_label import decision_nll, sigmoid
from teacherspec.metrics.scores.validation import FloatArray
from teacherspec.spec.calibrate import (
    Auto,
    Method,
    NoCalibration,
    TemperatureScaling,
    VectorScaling,
)
from teacherspec.spec.section import Section

CANDIDATES: tuple[Method, ...] = (
    NoCalibration(kind="none"),
    TemperatureScaling(kind="temperature"),
    VectorScaling(kind="vector"),
)
"""From simple to rich, for `auto`."""

METHODS = ("none", "temperature", "vector", "auto")

GRADIENT_TOLERANCE = 1e-8


def fit_labels(method: Method, logits: FloatArray, labels: FloatArray) -> Fitted:
    """Fit the declared method.

    Args:
        method: `calibrate.method`, one of `METHODS`.
        logits: `[N, C]`, finite, before any temperature.
        labels: `[N, C]`, zeros and ones.
    """
    if isinstance(method, Auto):
        return _auto(method, logits, labels)
    return FITTERS[type(method)](method, logits, labels)


def _identity(_method: NoCalibration, _logits: FloatArray, _labels: FloatArray) -> Fitted:
    return Fitted(Identity(), None, DECLARED)


def _temperature(_method: TemperatureScaling, logits: FloatArray, labels: FloatArray) -> Fitted:
    found = fit_shared_temperature(logits, labels)
    return Fitted(Temperature(temperature=found.temperature), found, DECLARED)


def _vector(method: VectorScaling, logits: FloatArray, labels: FloatArray) -> Fitted:
    common = fit_shared_temperature(logits, labels)
    scale, bias = _platt(logits / common.temperature, labels, method.shrinkage)
    scale = scale / common.temperature
    return Fitted(Vector(scale=tuple(scale.tolist()), bias=tuple(bias.tolist())), common, DECLARED)


def fit_shared_temperature(logits: FloatArray, labels: FloatArray) -> TemperatureFit:
    """The temperature that minimises the mean NLL of all decisions; its standard error is over rows."""
    flat = np.asarray(logits, dtype=np.float64).reshape(-1)
    pairs = np.stack([np.zeros_like(flat), flat], axis=1)
    found = fit_temperature(pairs, np.asarray(labels).reshape(-1).astype(np.int64))
    if found.status != "ok":
        return found
    beta = 1.0 / found.temperature
    slopes, curvature = _slopes(logits, labels, beta)
    error = float(np.sqrt((slopes**2).sum()) / curvature / beta**2)
    return replace(found, standard_error=error)


def departure(logits: FloatArray, labels: FloatArray) -> float:
    """How many standard errors over rows the slope of the mean NLL at T = 1 is away from 0, unsigned."""
    slopes, _ = _slopes(logits, labels, 1.0)
    spread = float(np.sqrt((slopes**2).sum()))
    return abs(float(slopes.sum())) / spread if spread else 0.0


def _slopes(logits: FloatArray, labels: FloatArray, beta: float) -> tuple[FloatArray, float]:
    """Derivative of each row's NLL by β = 1/T `[N]`, and the second derivative of the sum."""
    z = np.asarray(logits, dtype=np.float64)
    probs = sigmoid(beta * z)
    slopes: FloatArray = ((probs - labels) * z).sum(axis=1)
    return slopes, float((probs * (1 - probs) * z**2).sum())


def _platt(logits: FloatArray, labels: FloatArray, shrinkage: float) -> tuple[FloatArray, FloatArray]:
    """Scale 1 + d and bias b `[C]` of each label (Platt 1999), with a Gaussian prior on d and b.

    Minimises, for each label by itself, Σ NLL + shrinkage (d² + b²) / 2: the prior keeps labels that few rows
    have at the shared temperature, and makes the minimum unique.
    """
    from scipy.optimize import minimize

    classes = logits.shape[1]

    def objective(deviation: FloatArray) -> tuple[float, FloatArray]:
        z = (1.0 + deviation[:classes]) * logits + deviation[classes:]
        residual = sigmoid(z) - labels
        loss = decision_nll(z, labels).sum() + 0.5 * shrinkage * (deviation @ deviation)
        slope = np.concatenate([(residual * logits).sum(axis=0), residual.sum(axis=0)])
        return float(loss) / len(logits), (slope + shrinkage * deviation) / len(logits)

    result = minimize(
        objective,
        np.zeros(2 * classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 1000, "maxfun": 2000, "gtol": GRADIENT_TOLERANCE, "ftol": 0.0},
    )
    return 1.0 + result.x[:classes], result.x[classes:]


FITTERS: Mapping[type[Section], Callable[[Any, FloatArray, FloatArray], Fitted]] = {
    NoCalibration: _identity,
    TemperatureScaling: _temperature,
    VectorScaling: _vector,
}
"""Section of a method but `auto` → the function that fits it on logits and labels `[N, C]`."""


def _auto(method: Auto, logits: FloatArray, labels: FloatArray) -> Fitted:
    """The simplest method that no other beats on held-out rows."""
    results = [_cross_validated(candidate, logits, labels, method) for candidate in CANDIDATES]
    best, reason = choose(
        [
            replace(result, departure=departure(logits, labels))
            if isinstance(candidate, TemperatureScaling)
            else result
            for result, candidate in zip(results, CANDIDATES, strict=True)
        ]
    )
    return replace(fit_labels(CANDIDATES[best], logits, labels), reason=reason)


def _cross_validated(candidate: Method, logits: FloatArray, labels: FloatArray, section: Auto) -> HeldOut:
    """Mean NLL of each row's decisions `[N]` by fits on the other folds, whole rows held out."""
    fold = np.random.default_rng(section.seed).permutation(len(logits)) % section.folds
    losses, right = np.empty(len(logits)), 0.0
    for part in range(section.folds):
        held_out = fold == part
        fitted = fit_labels(candidate, logits[~held_out], labels[~held_out])
        z = label_logits(fitted.calibrator, logits[held_out])
        losses[held_out] = decision_nll(z, labels[held_out]).mean(axis=1)
        right += float(((z >= 0) == labels[held_out]).mean(axis=1).sum())
    return HeldOut(candidate.kind, losses, right / len(logits))
