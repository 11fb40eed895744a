"""One temperature for all tokens of a language model, without the logits of its vocabulary.

Of each token the predictions hold LSE(βz) and its slope on a grid of inverse temperatures β. Between the
points of the grid LSE(βz) is a cubic Hermite interpolant of them; with 25 points it is within 1e-4 nats a
token of the exact value, which a test measures.
"""

from dataclasses import replace

import numpy as np

from teacherspec.calibrators.grid_temperature import streamed_temperature
from teacherspec.calibrators.temperature import TemperatureFit
from teacherspec.metrics.cluster_bootstrap import ClusteredScores
from teacherspec.metrics.scores.validation import FloatArray
from teacherspec.metrics.temperature_moments import TemperatureMoments
from teacherspec.predictions.generation import TokenPredictions


def fit_token_temperature(predictions: TokenPredictions) -> TemperatureFit:
    """The temperature that minimises the mean NLL of all tokens, with a standard error for clustered tokens.

    Raises:
        ValueError: the grid lacks β = 1, or has fewer than two points.
    """
    sums = np.full((6, len(predictions.betas)), np.nan)
    sums[[0, 1, 2, 5]] = predictions.sums
    moments = TemperatureMoments(predictions.betas, float(predictions.tokens.sum()), sums)
    fit = streamed_temperature(moments)
    if fit.status != "ok":
        return fit
    return replace(fit, standard_error=_clustered_error(predictions, fit))


def _clustered_error(predictions: TokenPredictions, fit: TemperatureFit) -> float:
    """Standard error of T where tokens of answers to one prompt are not independent (Liang & Zeger 1986).

    The sandwich estimate with the gradients added up within prompts first.
    """
    beta = 1.0 / fit.temperature
    slope = log_sum_exp(predictions, beta, derivative=1)
    gradients = np.bincount(predictions.cluster[predictions.row], weights=slope - predictions.label_logit)
    curvature = float(log_sum_exp(predictions, beta, derivative=2).sum())
    return float(np.sqrt((gradients**2).sum()) / curvature / beta**2)


def log_sum_exp(predictions: TokenPredictions, beta: float, *, derivative: int = 0) -> FloatArray:
    """LSE(βz) `[T]` at any β inside the grid, or its first or second derivative in β.

    Raises:
        ValueError: β lies outside the grid.
    """
    betas = predictions.betas
    if not betas[0] <= beta <= betas[-1]:
        raise ValueError(f"beta: given {beta}; expected {betas[0]} to {betas[-1]}")
    right = int(np.clip(np.searchsorted(betas, beta), 1, len(betas) - 1))
    step = betas[right] - betas[right - 1]
    t = (beta - betas[right - 1]) / step
    # Coefficients of the two values and the two slopes (times step), and of their derivatives in β.
    basis = (
        (2 * t**3 - 3 * t**2 + 1, -2 * t**3 + 3 * t**2, t**3 - 2 * t**2 + t, t**3 - t**2),
        (6 * t**2 - 6 * t, -6 * t**2 + 6 * t, 3 * t**2 - 4 * t + 1, 3 * t**2 - 2 * t),
        (12 * t - 6, -12 * t + 6, 6 * t - 4, 6 * t - 2),
    )[derivative]
    ends = [
        values[:, at].astype(np.float64)
        for values in (predictions.lse, predictions.mean)
        for at in (right - 1, right)
    ]
    result: FloatArray = basis[0] * ends[0] + basis[1] * ends[1]
    result += step * (basis[2] * ends[2] + basis[3] * ends[3])
    result /= step**derivative
    return result


def score_tokens(predictions: TokenPredictions, temperature: float) -> ClusteredScores:
    """NLL in nats and confidence of each of T tokens at a temperature inside the grid.

    Raises:
        ValueError: the temperature lies outside the grid.
    """
    beta = 1.0 / temperature
    lse = log_sum_exp(predictions, beta)
    return ClusteredScores(
        cluster=predictions.cluster[predictions.row],
        nll=lse - beta * predictions.label_logit,
        # The most likely token's logit is 0, so its log-probability is -LSE; rounding may pass 0.
        confidences=np.exp(-np.maximum(lse, 0.0)),
        correct=predictions.hit.astype(np.int64),
    )
