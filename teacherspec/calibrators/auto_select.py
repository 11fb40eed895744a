"""Let the calibration split choose: the plainest way that cross-validation does not prove worse."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from teacherspec.calibrators.calibrators import apply
from teacherspec.calibrators.methods import (
    ClassTemperatureScaling,
    DirichletCalibration,
    Fitted,
    IsotonicRegression,
    PlainMethod,
    TemperatureScaling,
    VectorScaling,
)
from teacherspec.metrics.proper_scores import nll_per_row
from teacherspec.metrics.softmax import top_label
from teacherspec.metrics.validation import FloatArray, label_values, logit_rows
from teacherspec.spec.section import Section

CANDIDATES: tuple[PlainMethod, ...] = (
    TemperatureScaling(kind="temperature"),
    ClassTemperatureScaling(kind="class_temperature"),
    IsotonicRegression(kind="isotonic"),
    VectorScaling(kind="vector"),
    DirichletCalibration(kind="dirichlet"),
)
"""From plain to rich. Histogram binning is left out: it is the isotonic curve with steps for knots."""

STANDARD_ERRORS = 2.0
"""How many standard errors of the paired difference a richer way must win by."""


@dataclass(frozen=True)
class HeldOut:
    """What one way gives on rows it was not fitted on.

    Attributes:
        kind: of the method.
        nll: `[N]` nats.
        accuracy: share of right predictions.
    """

    kind: str
    nll: FloatArray
    accuracy: float


class Auto(Section):
    """Choose among the other methods by cross-validated NLL on the calibration split, and say why."""

    kind: Literal["auto"]
    """The method."""

    folds: int = Field(default=5, ge=2, le=20)
    """TrainableParts of the calibration split; each is scored by a fit on the others."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the order in which rows are dealt to the folds."""

    def fit(self, logits: npt.ArrayLike, labels: npt.ArrayLike) -> Fitted:
        """Choose, and fit the choice on all of logits `[N, C]` and labels `[N]`."""
        results = [
            cross_validate(method, logits, labels, folds=self.folds, seed=self.seed) for method in CANDIDATES
        ]
        best, reason = choose(results)
        return replace(CANDIDATES[best].fit(logits, labels), reason=reason)


def cross_validate(
    method: PlainMethod, logits: npt.ArrayLike, labels: npt.ArrayLike, *, folds: int, seed: int
) -> HeldOut:
    """Score a method on every row by a fit on the other folds.

    Args:
        method: how to calibrate.
        logits: `[N, C]`, before any temperature.
        labels: `[N]`.
        folds: number of parts, at most N.
        seed: of the dealing.

    Raises:
        ValueError: fewer rows than folds, wrong shapes, or values out of range, naming the row.
    """
    array = logit_rows(logits)
    targets = label_values(labels, n_classes=array.shape[1], rows=len(array))
    if len(array) < folds:
        raise ValueError(f"folds: given {folds} for {len(array)} rows; expected at most one a row")
    fold = np.random.default_rng(seed).permutation(len(array)) % folds
    nll, hits = np.empty(len(array)), 0
    for part in range(folds):
        held = fold == part
        log_probs = apply(method.fit(array[~held], targets[~held]).calibrator, array[held])
        nll[held] = nll_per_row(log_probs, targets[held])
        hits += int((top_label(log_probs) == targets[held]).sum())
    return HeldOut(method.kind, nll, hits / len(array))


def choose(results: Sequence[HeldOut]) -> tuple[int, str]:
    """Index of the chosen result, from plain to rich, and one sentence of reason.

    A richer way takes the place of the choice so far only if its held-out NLL is lower by more than two
    standard errors of the paired difference, and its accuracy is not lower.
    """
    best = 0
    for rival in range(1, len(results)):
        gain = results[best].nll - results[rival].nll
        clear = gain.mean() > STANDARD_ERRORS * gain.std(ddof=1) / np.sqrt(len(gain))
        if clear and results[rival].accuracy >= results[best].accuracy:
            best = rival
    scores = ", ".join(f"{result.kind} {result.nll.mean():.4f}" for result in results)
    return best, (
        f"held-out NLL in nats: {scores}; {results[best].kind} is the plainest that no richer one beats by "
        f"more than {STANDARD_ERRORS:g} standard errors without losing accuracy"
    )
