"""Temperature scaling (Guo et al. 2017): one number, fitted exactly.

The mean NLL is convex in β = 1/T, so Newton's method inside a bracket (with the third and fourth derivative,
of fourth order) finds its minimum to machine precision in a few passes over the logits, without a learning
rate or a grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import FloatArray, IntArray, label_values, logit_rows
from teacherspec.metrics.temperature_moments import (
    Precision,
    TemperatureMoments,
    row_weights,
    temperature_moments,
)

Status = Literal["ok", "at_lower_bound", "at_upper_bound", "flat"]

LOWEST_BETA, HIGHEST_BETA = 1e-3, 1e3

RELATIVE_STEP = 1e-4
"""The error is about the fourth power of the last step: a step of 1e-4 leaves about 1e-16."""

LARGE_STEP = 1e-2
"""The same for many rows, whose sums are exact to about eight digits: leaves about 1e-8."""

POLISHED = 0.05
"""Relative step up to which the fourth derivative is trusted to improve it."""

HALVE_EVERY = 8
"""3 to 6 steps suffice. Every eighth evaluates a bound or halves the bracket instead, so that a curve without
a minimum (separable rows) is detected soon and the search always ends."""

LARGE = 1 << 14
"""Rows from which exponentials are taken in float32, corrected on a sample. At 100,000 rows of 100 classes
float64 on all rows takes 2.5 times as long."""

SAMPLE_SHARE = 32
"""One of so many rows is in that sample, on which the search also starts."""


@dataclass(frozen=True)
class TemperatureFit:
    """The temperature that minimises the mean NLL of softmax(z / T), and how far to trust it.

    Attributes:
        temperature: T; 1 unless the status is `ok`.
        standard_error: of T, from the sandwich estimate; None unless the status is `ok`.
        status: `ok`; `at_lower_bound`, no error that a higher temperature would reduce, so the best T
            is 0; `at_upper_bound`, no better than chance (are the labels misaligned?);
            `flat`, every row's logits are equal and T changes nothing.
        iterations: passes over all rows.
        nll_before: mean NLL at T = 1, nats.
        nll_after: mean NLL at `temperature`, nats.
        rows: N.
    """

    temperature: float
    standard_error: float | None
    status: Status
    iterations: int
    nll_before: float
    nll_after: float
    rows: int


def fit_temperature(
    logits: npt.ArrayLike, labels: npt.ArrayLike, *, weights: npt.ArrayLike | None = None
) -> TemperatureFit:
    """Fit T on logits `[N, C]` and labels `[N]`, in float64 from any float dtype.

    From 16,384 rows on, all rows are summed with exponentials in float32, corrected by the error of float32
    on a sample of the rows: about eight digits of T are exact, while its standard error is in the third.

    Adding a constant to a row, the order of rows or classes, and sharding change nothing; T(kz) = k T(z).
    Fit on the NLL only: a calibration error is no proper score, and piecewise constant in T.

    Args:
        logits: `[N, C]`, before any temperature; -∞ (a banned class) is legal except on the label.
        labels: `[N]`.
        weights: `[N]`, not negative; a whole number counts as that many equal rows.

    Raises:
        ValueError: wrong shapes, NaN or +∞, -∞ on a label, or a label out of range, naming the row.
    """
    array = logit_rows(logits)
    targets = label_values(labels, n_classes=array.shape[1], rows=len(array))
    curve = _Curve(array, targets, row_weights(weights, len(array)))
    nll_before, here = curve.start()
    if not here.curvature[0] and not here.gradient[0] and _is_flat(array):
        return _unfitted("flat", curve, nll_before)
    status, here, beta = _minimum(curve, here)
    if status != "ok":
        return _unfitted(status, curve, nll_before)
    nll_after, curvature = _nll_and_curvature(here, beta)
    return TemperatureFit(
        temperature=1.0 / beta,
        standard_error=float(np.sqrt(here.gradient_squares[0]) / curvature / beta**2),
        status="ok",
        iterations=curve.passes,
        nll_before=nll_before,
        nll_after=nll_after / here.weight,
        rows=len(array),
    )


def departure_from_one(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """How many standard errors the slope of the mean NLL at T = 1 is away from 0, without a sign.

    The score test of T = 1 with a variance that holds for a wrong model too (Boos 1992). It finds half the
    effect that the gain in NLL at the fitted T needs: near T = 1 that gain is δ²H/2 with a standard error of
    δs/√N, the slope δH with one of s/√N.

    Args:
        logits: `[N, C]`, before any temperature.
        labels: `[N]`.

    Returns:
        0 where no row's logits differ.

    Raises:
        ValueError: wrong shapes, or values out of range, naming the row.
    """
    array = logit_rows(logits)
    targets = label_values(labels, n_classes=array.shape[1], rows=len(array))
    here = temperature_moments(array, targets, betas=[1.0])
    spread = float(np.sqrt(here.gradient_squares[0]))
    return abs(float(here.gradient[0])) / spread if spread else 0.0


class _Curve:
    """L and its derivatives over a set of rows, with the passes over the rows counted."""

    def __init__(self, logits: npt.NDArray[Any], labels: IntArray, weights: FloatArray) -> None:
        self.logits, self.labels, self.weights = logits, labels, weights
        self.passes = 0
        self.sample = self._sampled() if np.count_nonzero(weights) >= LARGE else None

    @property
    def step(self) -> float:
        """Relative step of β that may be the last."""
        return RELATIVE_STEP if self.sample is None else LARGE_STEP

    def at(self, *betas: float, nll_only: int = 0) -> TemperatureMoments:
        self.passes += 1
        if self.sample is None:
            return self._summed(betas, np.float64, nll_only)
        rough, part = self._summed(betas, np.float32, nll_only), self.sample
        lost = part._summed(betas, np.float64, nll_only).sums - part._summed(betas, np.float32, nll_only).sums
        share = part.weights.sum() / rough.weight
        return TemperatureMoments(rough.betas, rough.weight, rough.sums + lost / share)

    def start(self) -> tuple[float, TemperatureMoments]:
        """Mean NLL at β = 1, and moments to search from: there, or at the minimum of the sample."""
        status, beta = "flat", 1.0
        if self.sample is not None:
            status, _, beta = _minimum(self.sample, self.sample.start()[1])
        both = self.at(1.0, beta, nll_only=1) if status == "ok" else self.at(1.0)
        return float(both.nll[0] / both.weight), both.at(len(both.betas) - 1)

    def _summed(self, betas: Sequence[float], precision: Precision, nll_only: int) -> TemperatureMoments:
        return temperature_moments(
            self.logits,
            self.labels,
            betas=betas,
            weights=self.weights,
            precision=precision,
            nll_only=nll_only,
        )

    def _sampled(self) -> "_Curve":
        """Rows drawn from those that count: not evenly spaced, because rows may repeat in a pattern."""
        counting = np.flatnonzero(self.weights)
        drawn = np.random.default_rng(0).choice(counting, len(counting) // SAMPLE_SHARE, replace=False)
        rows = np.sort(drawn)
        return _Curve(self.logits[rows], self.labels[rows], self.weights[rows])


def _minimum(curve: _Curve, here: TemperatureMoments) -> tuple[Status, TemperatureMoments, float]:
    """Status, the moments nearest to the minimum, and the β that minimises L."""
    low, high = 0.0, np.inf  # until the sign of the gradient is known on both sides
    for step in count(1):
        beta, gradient = float(here.betas[0]), float(here.gradient[0])
        target = _target(here)
        # Tested before the bracket: rounding noise in the last step must not cost a bisection.
        if abs(target - beta) <= curve.step * beta:
            return "ok", here, target
        if gradient <= 0.0 and beta >= HIGHEST_BETA:
            return "at_lower_bound", here, beta
        if gradient >= 0.0 and beta <= LOWEST_BETA:
            return "at_upper_bound", here, beta
        low, high = (beta, high) if gradient <= 0.0 else (low, beta)
        if high - low <= curve.step**2 * low:
            return "ok", here, beta
        here = curve.at(_next_beta(target if step % HALVE_EVERY else np.nan, low, high))
    raise AssertionError("count() is endless")


def _target(moments: TemperatureMoments) -> float:
    """Where L' crosses zero, to fourth order; an end of the axis where L' is level."""
    gradient, curvature = float(moments.gradient[0]), float(moments.curvature[0])
    if curvature == 0.0:
        return np.inf if gradient <= 0.0 else -np.inf
    newton = gradient / curvature
    # Halley's form. Far from the minimum the correction can overshoot: at most it halves or doubles the step.
    correction = 1.0 - 0.5 * newton * float(moments.third[0]) / curvature
    beta, step = float(moments.betas[0]), -newton / min(max(correction, 0.5), 2.0)
    if abs(step) > POLISHED * beta:
        return beta + step
    second, third = 0.5 * float(moments.third[0]), float(moments.fourth[0]) / 6.0
    for _ in range(3):
        slope = curvature + step * (2.0 * second + 3.0 * step * third)
        step -= (gradient + step * (curvature + step * (second + step * third))) / slope
    return beta + step


def _nll_and_curvature(moments: TemperatureMoments, beta: float) -> tuple[float, float]:
    """L and L'' at a β near that of the moments, by Taylor's series."""
    step = beta - float(moments.betas[0])
    nll, gradient, curvature, third, fourth = (float(value) for value in moments.sums[:5, 0])
    change = step * (gradient + step * (curvature / 2 + step * (third / 6 + step * fourth / 24)))
    return nll + change, curvature + step * (third + step * fourth / 2)


def _next_beta(target: float, low: float, high: float) -> float:
    """The target if it lies in the bracket, else the bound of a side not yet evaluated, or the middle.

    NaN stands for no target.
    """
    lower, upper = max(low, LOWEST_BETA), min(high, HIGHEST_BETA)
    if lower < target < upper:
        return target
    if high == np.inf and not target < upper:
        return HIGHEST_BETA
    if low == 0.0 and not target > lower:
        return LOWEST_BETA
    return float(np.sqrt(lower * upper))


def _is_flat(logits: npt.NDArray[Any]) -> bool:
    """Whether the legal logits of every row are equal."""
    return bool(((logits == logits.max(axis=1, keepdims=True)) | np.isneginf(logits)).all())


def _unfitted(status: Status, curve: _Curve, nll_before: float) -> TemperatureFit:
    return TemperatureFit(1.0, None, status, curve.passes, nll_before, nll_before, len(curve.logits))
