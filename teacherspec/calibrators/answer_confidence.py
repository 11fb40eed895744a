"""Confidence of whole answers: probability of being right, from the mean log-probability of the tokens."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import FloatArray
from teacherspec.predictions.generation import Answer
from teacherspec.predictions.inverse_temperatures import GRID

FEWEST_OF_EACH = 5
"""Right and wrong answers below which no curve is fitted."""


class AnswerScores(NamedTuple):
    """Confidence and correctness of N answers.

    Attributes:
        confidences: `[N]`, geometric mean of the tokens' probabilities.
        correct: `[N]`, 1 for a right answer.
    """

    confidences: FloatArray
    correct: npt.NDArray[np.int64]


def mean_log_probs(answers: Sequence[Answer], temperature: float) -> FloatArray:
    """Mean log-probability `[N]` of each answer's tokens at a temperature inside the grid, nats."""
    beta = 1.0 / temperature
    log_probs: FloatArray = np.array([np.interp(beta, GRID, one.log_prob) for one in answers])
    return np.minimum(log_probs, 0.0)


def score_answers(answers: Sequence[Answer], temperature: float) -> AnswerScores:
    """Length-normalised probability of each answer at a temperature, and whether it is right."""
    correct = np.array([one.correct for one in answers], dtype=np.int64)
    return AnswerScores(np.exp(mean_log_probs(answers, temperature)), correct)


def fit_answer_curve(answers: Sequence[Answer], temperature: float) -> dict[str, Any]:
    """P(right) = sigmoid(slope · mean log-probability + intercept) (Platt 1999), as data.

    Returns:
        `status` (`ok`, or `too_few` where right or wrong answers are rare), `rows`, `right`, and `slope` and
        `intercept`, None unless the status is `ok`.
    """
    right = sum(one.correct for one in answers)
    counts = {"rows": len(answers), "right": right}
    if min(right, len(answers) - right) < FEWEST_OF_EACH:
        return {"status": "too_few", **counts, "slope": None, "intercept": None}
    from sklearn.linear_model import LogisticRegression

    x = mean_log_probs(answers, temperature)[:, None]
    fitted = LogisticRegression(C=np.inf).fit(x, [one.correct for one in answers])
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return {"status": "ok", **counts, "slope": slope, "intercept": intercept}


def answer_confidences(
    answers: Sequence[Answer], temperature: float, curve: Mapping[str, Any] | None
) -> FloatArray:
    """Probability `[N]` of being right, by the fitted curve, else by length-normalised probability."""
    log_probs = mean_log_probs(answers, temperature)
    if curve is None or curve["status"] != "ok":
        return np.exp(log_probs)
    probs: FloatArray = 1.0 / (1.0 + np.exp(-(curve["slope"] * log_probs + curve["intercept"])))
    return probs
