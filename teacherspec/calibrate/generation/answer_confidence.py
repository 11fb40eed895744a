"""Confidence of whole answers: how often an answer is right, by its length-normalised probability."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.beta_grid import GRID
from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.intervals import wilson_interval
from teacherspec.metrics.selective_prediction import augrc, aurc, correctness_auroc
from teacherspec.metrics.validation import FloatArray
from teacherspec.predictions.generation import Answer
from teacherspec.spec.calibrate import Calibrate

FEWEST_OF_EACH = 5
"""Right and wrong answers below which no curve is fitted."""


def mean_log_probs(answers: Sequence[Answer], temperature: float) -> FloatArray:
    """Mean log-probability `[N]` of each answer's tokens at a temperature inside the grid, nats."""
    beta = 1.0 / temperature
    found: FloatArray = np.array([np.interp(beta, GRID, one.log_prob) for one in answers])
    return np.minimum(found, 0.0)


class GuessedAnswers(NamedTuple):
    """Whole answers with their confidence.

    Attributes:
        confidences: `[N]`, geometric mean of the tokens' probabilities.
        correct: `[N]`, 1 for a right answer.
    """

    confidences: FloatArray
    correct: npt.NDArray[np.int64]


def guessed(answers: Sequence[Answer], temperature: float) -> GuessedAnswers:
    """Answers by their length-normalised probability at a temperature; its curve of risk keeps its order."""
    correct = np.array([one.correct for one in answers], dtype=np.int64)
    return GuessedAnswers(np.exp(mean_log_probs(answers, temperature)), correct)


def fit_answers(answers: Sequence[Answer], temperature: float) -> dict[str, Any]:
    """P(right) = sigmoid(slope · mean log-probability + intercept) (Platt 1999), as data.

    Returns:
        `status` (`ok`, or `too_few` where right or wrong answers are rare), `rows`, `right`, and `slope` and
        `intercept`, None unless the status is `ok`.
    """
    right = sum(one.correct for one in answers)
    found: dict[str, Any] = {"rows": len(answers), "right": right, "slope": None, "intercept": None}
    if min(right, len(answers) - right) < FEWEST_OF_EACH:
        return {"status": "too_few", **found}
    from sklearn.linear_model import LogisticRegression

    x = mean_log_probs(answers, temperature)[:, None]
    fitted = LogisticRegression(C=np.inf).fit(x, [one.correct for one in answers])
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return {"status": "ok", **found, "slope": slope, "intercept": intercept}


def answer_confidences(
    answers: Sequence[Answer], temperature: float, fitted: Mapping[str, Any] | None
) -> FloatArray:
    """How likely each of N answers is right: by the fitted curve, else its length-normalised probability."""
    log_probs = mean_log_probs(answers, temperature)
    if fitted is None or fitted["status"] != "ok":
        return np.exp(log_probs)
    found: FloatArray = 1.0 / (1.0 + np.exp(-(fitted["slope"] * log_probs + fitted["intercept"])))
    return found


def compare_answers(
    answers: Sequence[Answer], temperature: float, fitted: dict[str, Any], section: Calibrate
) -> dict[str, Any]:
    """How honest the confidence of test answers is: their length-normalised probability, then the curve.

    `aurc`, `augrc` and `correctness_auroc` judge the order alone, which the curve does not change.
    """
    before, correct = guessed(answers, temperature)
    share = wilson_interval(int(correct.sum()), len(correct), confidence=section.confidence)
    found: dict[str, Any] = {
        "rows": len(answers),
        "exact_match": asdict(share),
        "aurc": aurc(before, correct),
        "augrc": augrc(before, correct),
        "ece": {"before": expected_calibration_error(before, correct, n_bins=section.n_bins)},
    }
    if 0 < correct.sum() < len(correct):
        found["correctness_auroc"] = correctness_auroc(before, correct)
    if fitted["status"] == "ok":
        after = answer_confidences(answers, temperature, fitted)
        found["ece"]["after"] = expected_calibration_error(after, correct, n_bins=section.n_bins)
    return found
