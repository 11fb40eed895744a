"""Intervals around scores: a line that corrects them where that helps, and a radius by split conformal
prediction."""

import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from teacherspec.metrics.scores.validation import FloatArray
from teacherspec.spec.calibrate import Conformal, Method
from teacherspec.spec.section import Section

FOLDS = 5
"""Parts of the calibration split; each is corrected by a line that was fitted on the others."""

CLEARLY = 2.0
"""Standard errors by which the line must lower the mean squared error on held-out rows."""


class ScoreInterval(Section):
    """The calibrated score `slope * score + intercept`, within `radius` of which the label lies."""

    kind: Literal["score_interval"] = "score_interval"
    slope: float
    intercept: float
    radius: float | None = Field(default=None, ge=0.0)
    """In the unit of the scale; None where no interval was fitted."""

    level: float | None = None
    """Share of rows like the calibration split whose label lies within it."""

    def corrected(self, scores: Any) -> FloatArray:
        """Calibrated scores of the model's scores, of any shape."""
        found: FloatArray = self.slope * np.asarray(scores, np.float64) + self.intercept
        return found

    @property
    def is_affine(self) -> bool:
        """Whether it changes scores."""
        return (self.slope, self.intercept) != (1.0, 0.0)


def parse_score_interval(saved: Mapping[str, Any]) -> ScoreInterval:
    """The calibrator that was saved as JSON. Raises `ValidationError`."""
    return ScoreInterval.model_validate_json(json.dumps(saved))


def fit_score_interval(method: Method, scores: FloatArray, labels: FloatArray) -> tuple[ScoreInterval, str]:
    """The calibrator that `calibrate.method` declares, and why it is what it is.

    The radius is that of held-out residuals: where a line corrects the scores, those of the folds that it was
    not fitted on. Then a new row's label lies within it with a probability of at least `level`, up to the
    difference between lines of the folds and of all rows (CV+, Barber et al. 2021, arXiv 1905.02928).

    Args:
        method: `conformal` or `none`.
        scores: `[N]` of the model.
        labels: `[N]`.
    """
    if not isinstance(method, Conformal):
        return ScoreInterval(slope=1.0, intercept=0.0), "declared"
    plain, held_out = labels - scores, labels - _held_out(scores, labels)
    gains = plain**2 - held_out**2
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
    helps = method.affine and float(gains.mean()) > CLEARLY * error
    slope, intercept = fit_line(scores, labels) if helps else (1.0, 0.0)
    radius = conformal_radius(held_out if helps else plain, method.level)
    change = f"{gains.mean():.4g} ± {error:.2g}"
    reason = (
        f"a line lowers the squared error of held-out rows by {change}"
        if helps
        else f"no line: it would change the squared error of held-out rows by {change}"
        if method.affine
        else "declared"
    )
    return ScoreInterval(slope=slope, intercept=intercept, radius=radius, level=method.level), reason


def fit_line(scores: FloatArray, labels: FloatArray) -> tuple[float, float]:
    """Slope and intercept by least squares; a mean alone where all scores are equal."""
    centred = scores - scores.mean()
    spread = float((centred**2).sum())
    slope = 0.0 if spread == 0 else float((centred * labels).sum() / spread)
    return slope, float(labels.mean() - slope * scores.mean())


def conformal_radius(residuals: FloatArray, level: float) -> float:
    """The `ceil((n + 1) level)`-th smallest absolute residual of `[n]`, and infinite where n is too small."""
    rank = math.ceil((len(residuals) + 1) * level - 1e-9)
    return math.inf if rank > len(residuals) else float(np.sort(np.abs(residuals))[rank - 1])


def fewest_rows(level: float) -> int:
    """Calibration rows from which an interval of this level is finite."""
    return math.ceil(level / (1 - level) - 1e-9)


def _held_out(scores: FloatArray, labels: FloatArray) -> FloatArray:
    """Scores `[N]` corrected by a line that was fitted on the other folds; rows are taken in turn."""
    fold = np.arange(len(scores)) % FOLDS
    found = np.empty(len(scores))
    for number in range(FOLDS):
        own = fold == number
        slope, intercept = fit_line(scores[~own], labels[~own])
        found[own] = slope * scores[own] + intercept
    return found
