"""Fitted calibrators as plain data, and the one function that applies them.

A calibrator takes raw logits (before any temperature) to log-probabilities. `keeps_argmax` states
whether it leaves every predicted class as it is.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter

from teacherspec.metrics.scores.softmax import log_softmax, top_label
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.spec.section import Section

Positive = Annotated[float, Field(gt=0.0)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]

RUNNER_UP_MARGIN = 1e-9
"""Least relative margin of the first class over the second: more than rounding, less than reports show."""


class Identity(Section):
    """The model as it is: log-softmax of the logits."""

    keeps_argmax: ClassVar[bool] = True

    kind: Literal["none"] = "none"

    def log_probs(self, logits: npt.ArrayLike) -> FloatArray:
        """Log-probabilities `[N, C]` of logits `[N, C]`."""
        return log_softmax(logits)


class Temperature(Section):
    """softmax(z / T) (Guo et al. 2017)."""

    keeps_argmax: ClassVar[bool] = True

    kind: Literal["temperature"] = "temperature"
    temperature: Positive

    def log_probs(self, logits: npt.ArrayLike) -> FloatArray:
        """Log-probabilities `[N, C]` of logits `[N, C]`."""
        return log_softmax(np.asarray(logits, dtype=np.float64) / self.temperature)


class ClassTemperature(Section):
    """softmax(z / T_k) with one temperature for each predicted class k."""

    keeps_argmax: ClassVar[bool] = True

    kind: Literal["class_temperature"] = "class_temperature"
    temperatures: tuple[Positive, ...]

    def log_probs(self, logits: npt.ArrayLike) -> FloatArray:
        """Log-probabilities `[N, C]` of logits `[N, C]`."""
        z = _columns(logits, len(self.temperatures))
        return log_softmax(z / np.asarray(self.temperatures)[top_label(z)][:, None])


class Vector(Section):
    """softmax(s · z + b), a scale and a bias for each class (Guo et al. 2017)."""

    keeps_argmax: ClassVar[bool] = False

    kind: Literal["vector"] = "vector"
    scale: tuple[float, ...]
    bias: tuple[float, ...]

    def log_probs(self, logits: npt.ArrayLike) -> FloatArray:
        """Log-probabilities `[N, C]` of logits `[N, C]`."""
        z = _columns(logits, len(self.scale))
        return log_softmax(np.asarray(self.scale) * z + np.asarray(self.bias))


class Dirichlet(Section):
    """softmax(W log p + b) with p = softmax(z) (Kull et al. 2019)."""

    keeps_argmax: ClassVar[bool] = False

    kind: Literal["dirichlet"] = "dirichlet"
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]

    def log_probs(self, logits: npt.ArrayLike) -> FloatArray:
        """Log-probabilities `[N, C]` of logits `[N, C]`."""
        log_p = log_softmax(_columns(logits, len(self.bias)))
        return log_softmax(log_p @ np.asarray(self.weights).T + np.asarray(self.bias))


class Isotonic(Section):
    """The confidence of the predicted class by a rising curve through knots, linear between them.

    The other classes share the rest in proportion; the predicted class never falls below the second.
    """

    keeps_argmax: ClassVar[bool] = True

    kind: Literal["isotonic"] = "isotonic"
    knots: tuple[Probability, ...]
    values: tuple[Probability, ...]

    def log_probs(self, logits: npt.ArrayLike) -> FloatArray:
        """Log-probabilities `[N, C]` of logits `[N, C]`."""
        log_p = log_softmax(logits)
        return _with_confidence(log_p, np.interp(np.exp(log_p.max(axis=1)), self.knots, self.values))


class Histogram(Section):
    """The confidence of the predicted class by a constant for each bin (Zadrozny & Elkan 2001).

    The other classes share the rest in proportion; the predicted class never falls below the second.
    """

    keeps_argmax: ClassVar[bool] = True

    kind: Literal["histogram"] = "histogram"
    upper_edges: tuple[Probability, ...]
    values: tuple[Probability, ...]

    def log_probs(self, logits: npt.ArrayLike) -> FloatArray:
        """Log-probabilities `[N, C]` of logits `[N, C]`."""
        log_p = log_softmax(logits)
        # Confidences above all of the calibration split belong to the last bin.
        index = np.searchsorted(self.upper_edges[:-1], np.exp(log_p.max(axis=1)), side="left")
        return _with_confidence(log_p, np.asarray(self.values)[index])


Calibrator = Annotated[
    Identity | Temperature | ClassTemperature | Vector | Dirichlet | Isotonic | Histogram,
    Field(discriminator="kind"),
]


def parse_calibrator(saved: Mapping[str, Any]) -> Calibrator:
    """The calibrator that was saved as JSON. Raises `ValidationError`."""
    # From JSON text: from Python values lists would not be accepted as tuples.
    return TypeAdapter[Calibrator](Calibrator).validate_json(json.dumps(saved))


def apply(calibrator: Calibrator, logits: npt.ArrayLike) -> FloatArray:
    """Calibrated log-probabilities `[N, C]` in nats, float64, of raw logits `[N, C]`.

    Raises:
        ValueError: wrong shape or number of classes, or NaN or +∞ in the logits, naming the row.
    """
    return calibrator.log_probs(logits)


def _columns(logits: npt.ArrayLike, n_classes: int) -> FloatArray:
    array = np.asarray(logits, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != n_classes:
        raise ValueError(f"logits: given shape {list(array.shape)}; expected [N, {n_classes}] as fitted")
    return array


def _with_confidence(log_probs: FloatArray, confidence: FloatArray) -> FloatArray:
    """Give the top class of each row this probability and the others the rest, in their proportions."""
    if log_probs.shape[1] < 2:
        raise ValueError(f"logits: given shape {list(log_probs.shape)}; expected at least two classes")
    rows = np.arange(len(log_probs))
    top: IntArray = log_probs.argmax(axis=1)
    others = log_probs.copy()
    others[rows, top] = -np.inf
    second = others.max(axis=1, keepdims=True)
    # Relative to the second class, so that no digits are lost where the first is nearly certain.
    others -= second
    others -= np.log(np.exp(others).sum(axis=1, keepdims=True))
    share = np.exp(others.max(axis=1))
    top_share = np.maximum(confidence, share / (1.0 + share) * (1.0 + RUNNER_UP_MARGIN))
    result: FloatArray = others + np.log1p(-top_share)[:, None]
    result[rows, top] = np.log(top_share)
    return result
