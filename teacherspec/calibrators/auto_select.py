"""Choose the calibrator by cross-validation: the simplest method that no richer one clearly beats."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Calibrator, apply
from teacherspec.metrics.scores.proper_scores import nll_per_row
from teacherspec.metrics.scores.softmax import top_label
from teacherspec.metrics.scores.validation import FloatArray, label_values, logit_rows
from teacherspec.spec.calibrate import (
    Auto,
    ClassTemperatureScaling,
    DirichletCalibration,
    IsotonicRegression,
    Method,
    NoCalibration,
    TemperatureScaling,
    VectorScaling,
)

CANDIDATES: tuple[Method, ...] = (
    NoCalibration(kind="none"),
    TemperatureScaling(kind="temperature"),
    ClassTemperatureScaling(kind="class_temperature"),
    IsotonicRegression(kind="isotonic"),
    VectorScaling(kind="vector"),
    DirichletCalibration(kind="dirichlet"),
)
"""From simple to rich: the model stays as it is where no method clearly beats it. Histogram binning is left
out: it is the isotonic curve with steps for knots."""

STANDARD_ERRORS = 2.0
"""How many standard errors of the paired difference a richer method must win by."""

Fit = Callable[[npt.ArrayLike, npt.ArrayLike], Calibrator]
"""From logits `[n, C]` and labels `[n]` to a calibrator."""


@dataclass(frozen=True)
class HeldOut:
    """The result of one method on rows it was not fitted on.

    Attributes:
        kind: of the method.
        nll: `[N]` nats.
        accuracy: share of right predictions.
        departure: of the model as it is from the best temperature, in standard errors (`departure_from_one`);
            None for methods of several parameters.
    """

    kind: str
    nll: FloatArray
    accuracy: float
    departure: float | None = None


def cross_validate(
    kind: str, fit: Fit, logits: npt.ArrayLike, labels: npt.ArrayLike, section: Auto
) -> HeldOut:
    """Score a method on every row by a fit on the other folds.

    Args:
        kind: name of the method.
        fit: fits it.
        logits: `[N, C]`, before any temperature.
        labels: `[N]`.
        section: number of folds, at most N, and the seed by which rows are assigned to them.

    Raises:
        ValueError: fewer rows than folds, wrong shapes, or values out of range, naming the row.
    """
    array = logit_rows(logits)
    targets = label_values(labels, n_classes=array.shape[1], rows=len(array))
    if len(array) < section.folds:
        raise ValueError(f"folds: given {section.folds} for {len(array)} rows; expected at most one a row")
    fold = np.random.default_rng(section.seed).permutation(len(array)) % section.folds
    nll, hits = np.empty(len(array)), 0
    for part in range(section.folds):
        held_out = fold == part
        log_probs = apply(fit(array[~held_out], targets[~held_out]), array[held_out])
        nll[held_out] = nll_per_row(log_probs, targets[held_out])
        hits += int((top_label(log_probs) == targets[held_out]).sum())
    return HeldOut(kind, nll, hits / len(array))


def choose(results: Sequence[HeldOut]) -> tuple[int, str]:
    """Index of the chosen result, from simple to rich, and one sentence of reason.

    A richer method takes the place of the choice so far only if its held-out NLL is lower by more than two
    standard errors of the paired difference, and its accuracy is not lower. One temperature, which changes no
    prediction, takes the place of the model as it is if its held-out NLL is lower and T = 1 is rejected at
    two standard errors: a test that finds the same fault in a quarter of the rows.
    """
    best = 0
    for rival in range(1, len(results)):
        lower = results[rival].accuracy < results[best].accuracy
        if not lower and _clearly_better(results[rival], results[best], over_none=best == 0):
            best = rival
    scores = ", ".join(f"{result.kind} {result.nll.mean():.4f}" for result in results)
    beaten = (
        f"no richer one is clearly better, by {STANDARD_ERRORS:g} standard errors, without losing accuracy"
    )
    return best, f"{results[best].kind}: {beaten}; held-out NLL in nats: {scores}"


def _clearly_better(rival: HeldOut, best: HeldOut, *, over_none: bool) -> bool:
    gain = best.nll - rival.nll
    if over_none and rival.departure is not None:
        return bool(gain.mean() > 0 and rival.departure > STANDARD_ERRORS)
    return bool(gain.mean() > STANDARD_ERRORS * gain.std(ddof=1) / np.sqrt(len(gain)))
