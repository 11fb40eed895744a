"""Vector scaling and Dirichlet calibration, shrunk towards temperature scaling.

Both contain temperature scaling as a special case. A Gaussian prior on the deviation from it lets few
rows fall back on one temperature, bounds the parameters of separable rows, and makes the objective
strictly convex, so that its minimum does not depend on the start.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Dirichlet, Vector
from teacherspec.calibrators.temperature import TemperatureFit, fit_temperature
from teacherspec.metrics.scores.softmax import log_softmax
from teacherspec.metrics.scores.validation import FloatArray, IntArray, label_values, logit_rows, shifted

Forward = Callable[[FloatArray], FloatArray]
"""From deviations `[P]` to scores `[N, C]`."""

Backward = Callable[[FloatArray], FloatArray]
"""From the gradient with respect to the scores `[N, C]` to that with respect to the deviations `[P]`."""

GRADIENT_TOLERANCE = 1e-8


def fit_vector(
    logits: npt.ArrayLike, labels: npt.ArrayLike, *, shrinkage: float
) -> tuple[Vector, TemperatureFit]:
    """Scale s_k = (1 + d_k) / T and bias b_k of each class, and the temperature T they deviate from.

    Minimises mean NLL + shrinkage (|d|² + |b|²) / 2N.

    Args:
        logits: `[N, C]`, finite, before any temperature.
        labels: `[N]`.
        shrinkage: precision of the prior on deviations; larger stays closer to temperature scaling.

    Raises:
        ValueError: wrong shapes, or values out of range or infinite, naming the row.
    """
    z, targets, common = _prepared(logits, labels)
    z /= common.temperature
    classes = z.shape[1]

    def forward(deviation: FloatArray) -> FloatArray:
        return (1.0 + deviation[:classes]) * z + deviation[classes:]

    def backward(gradient: FloatArray) -> FloatArray:
        return np.concatenate([(gradient * z).sum(axis=0), gradient.sum(axis=0)])

    best = _minimum(forward, backward, targets, 2 * classes, shrinkage)
    scale = (1.0 + best[:classes]) / common.temperature
    return Vector(scale=tuple(scale.tolist()), bias=tuple(best[classes:].tolist())), common


def fit_dirichlet(
    logits: npt.ArrayLike, labels: npt.ArrayLike, *, shrinkage: float
) -> tuple[Dirichlet, TemperatureFit]:
    """Matrix W = (I + D) / T and bias b on log-probabilities, and the temperature T they deviate from.

    Minimises mean NLL + shrinkage (|D|² + |b|²) / 2N. Arguments and errors as `fit_vector`.

    Args:
        logits: `[N, C]`, finite, before any temperature.
        labels: `[N]`.
        shrinkage: precision of the prior on deviations; larger stays closer to temperature scaling.
    """
    z, targets, common = _prepared(logits, labels)
    log_p = log_softmax(z) / common.temperature
    classes = z.shape[1]

    def forward(deviation: FloatArray) -> FloatArray:
        matrix = deviation[classes:].reshape(classes, classes)
        return log_p + log_p @ matrix.T + deviation[:classes]

    def backward(gradient: FloatArray) -> FloatArray:
        return np.concatenate([gradient.sum(axis=0), (gradient.T @ log_p).ravel()])

    best = _minimum(forward, backward, targets, classes * (classes + 1), shrinkage)
    weights = (np.eye(classes) + best[classes:].reshape(classes, classes)) / common.temperature
    rows = tuple(tuple(row) for row in weights.tolist())
    return Dirichlet(weights=rows, bias=tuple(best[:classes].tolist())), common


def _prepared(logits: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[FloatArray, IntArray, TemperatureFit]:
    """Centred float64 logits, labels, and the temperature to deviate from."""
    array = logit_rows(logits)
    targets = label_values(labels, n_classes=array.shape[1], rows=len(array))
    z = shifted(array)
    if not np.isfinite(z).all():
        row = int(np.flatnonzero(~np.isfinite(z).all(axis=1))[0])
        raise ValueError(f"logits: row {row} holds -inf; a weight for each class needs finite logits")
    return z, targets, fit_temperature(array, targets)


def _minimum(
    forward: Forward, backward: Backward, labels: IntArray, size: int, shrinkage: float
) -> FloatArray:
    """Deviations `[size]` of least penalised mean NLL, by L-BFGS from no deviation at all."""
    rows = np.arange(len(labels))

    def objective(deviation: FloatArray) -> tuple[float, FloatArray]:
        log_p = log_softmax(forward(deviation))
        loss = -log_p[rows, labels].mean() + 0.5 * shrinkage / len(rows) * (deviation @ deviation)
        gradient = np.exp(log_p)
        gradient[rows, labels] -= 1.0
        slope = backward(gradient) / len(rows) + shrinkage / len(rows) * deviation
        return float(loss), slope

    from scipy.optimize import minimize

    result = minimize(
        objective,
        np.zeros(size),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 1000, "maxfun": 2000, "gtol": GRADIENT_TOLERANCE, "ftol": 0.0},
    )
    best: FloatArray = result.x
    return best
