"""Calibration of language models: one temperature for all tokens, exactly, without their logits.

Between the β of the grid LSE(βz) is a cubic Hermite interpolant of its values and slopes, in each token by
itself; with 25 points that is as good as the logits (within 1e-4 nats a token, measured in the tests).
"""

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from teacherspec.calibrate.before_after import BINNINGS, NOISE_QUANTILE, PLAIN
from teacherspec.calibrate.cluster_bootstrap import ClusteredScores, ClusteredStatistic
from teacherspec.calibrate.grid_temperature import streamed_temperature
from teacherspec.calibrators.calibrators import Identity, Temperature
from teacherspec.calibrators.methods import Fitted, NoCalibration, TemperatureScaling
from teacherspec.calibrators.temperature import TemperatureFit
from teacherspec.errors import DataError
from teacherspec.metrics.calibration import ece_noise_floor, ece_noise_quantile
from teacherspec.metrics.intervals import bootstrap, calibration_error_interval, interval_of
from teacherspec.metrics.summary import top_label_summary
from teacherspec.metrics.temperature_moments import TemperatureMoments
from teacherspec.metrics.validation import FloatArray
from teacherspec.predictions.generation import TokenPredictions
from teacherspec.spec.calibrate import Calibrate


def fit_tokens(section: Calibrate, calibration: TokenPredictions) -> Fitted:
    """The declared calibrator, from the sums of the calibration split.

    Raises:
        DataError: the declared method needs classes.
    """
    if isinstance(section.method, NoCalibration):
        return Fitted(Identity(), None, "declared")
    if not isinstance(section.method, TemperatureScaling):
        raise DataError(
            f"calibrate.method: {section.method.kind} is for classes; tokens are calibrated by `temperature` "
            "or `none`"
        )
    sums = np.full((6, len(calibration.betas)), np.nan)
    sums[[0, 1, 2, 5]] = calibration.sums
    moments = TemperatureMoments(calibration.betas, float(calibration.tokens.sum()), sums)
    found = streamed_temperature(moments)
    if found.status == "ok":
        found = replace(found, standard_error=clustered_error(calibration, found))
    return Fitted(Temperature(temperature=found.temperature), found, "declared")


def clustered_error(calibration: TokenPredictions, fit: TemperatureFit) -> float:
    """Standard error of T where tokens of one row are not independent (Liang & Zeger 1986).

    The sandwich estimate with the gradients added up within rows first.
    """
    beta = 1.0 / fit.temperature
    slope, curvature = interpolated(calibration, beta, derivative=1), 0.0
    gradients = np.bincount(
        calibration.row, weights=slope - calibration.label_logit, minlength=len(calibration.ids)
    )
    curvature = float(interpolated(calibration, beta, derivative=2).sum())
    return float(np.sqrt((gradients**2).sum()) / curvature / beta**2)


def interpolated(predictions: TokenPredictions, beta: float, *, derivative: int = 0) -> FloatArray:
    """LSE(βz) `[T]` at any β inside the grid, or its first or second derivative.

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
    found: FloatArray = basis[0] * ends[0] + basis[1] * ends[1]
    found += step * (basis[2] * ends[2] + basis[3] * ends[3])
    found /= step**derivative
    return found


def score_tokens(predictions: TokenPredictions, temperature: float) -> ClusteredScores:
    """Loss and confidence of each token at a temperature inside the grid."""
    beta = 1.0 / temperature
    lse = interpolated(predictions, beta)
    return ClusteredScores(
        row=predictions.row,
        nll=lse - beta * predictions.label_logit,
        # The most likely token's logit is 0, so its log-probability is -LSE; rounding may pass 0.
        confidences=np.exp(-np.maximum(lse, 0.0)),
        correct=predictions.hit.astype(np.int64),
    )


def compare_tokens(before: ClusteredScores, after: ClusteredScores, section: Calibrate) -> dict[str, Any]:
    """Nested measures of one split, `before` and `after` calibration, every token weighing the same.

    Intervals resample whole rows, in pairs; binned errors have their noise floor and its 95 % point, which
    take tokens for independent.
    """
    rows = int(before.row[-1]) + 1
    found: dict[str, Any] = {"rows": rows, "tokens": len(before.row), "argmax_changed": 0}
    draws = {}
    for when, scored in (("before", before), ("after", after)):
        statistic = ClusteredStatistic(scored, rows, section.n_bins)
        drawn = bootstrap(statistic, rows, n_resamples=section.resamples, seed=section.seed)
        draws[when] = drawn
        for place, name in enumerate(ClusteredStatistic.MEANS):
            interval = interval_of(
                float(drawn.observed[place]), drawn.resampled[:, place], confidence=section.confidence
            )
            found.setdefault(name, {})[when] = asdict(interval)
        for place, (name, binning) in enumerate(BINNINGS.items(), start=len(ClusteredStatistic.MEANS)):
            noise = ece_noise_quantile(
                scored.confidences,
                n_bins=section.n_bins,
                binning=binning,
                quantile=NOISE_QUANTILE,
                n_draws=section.resamples,
                seed=section.seed,
            )
            error = calibration_error_interval(
                float(drawn.observed[place]),
                drawn.resampled[:, place],
                noise_point=noise,
                confidence=section.confidence,
            )
            floor = ece_noise_floor(scored.confidences, n_bins=section.n_bins, binning=binning)
            found.setdefault(name, {}).update(
                {when: asdict(error), f"floor_{when}": floor, f"noise_{when}": noise}
            )
        summary = asdict(top_label_summary(scored.confidences, scored.correct, n_bins=section.n_bins))
        for name in PLAIN:
            if summary[name] is not None:
                found.setdefault(name, {})[when] = summary[name]
    found["nll"] |= _change(draws["before"].resampled[:, 0], draws["after"].resampled[:, 0], found, section)
    return found


def _change(
    before: FloatArray, after: FloatArray, found: dict[str, Any], section: Calibrate
) -> dict[str, Any]:
    """Change of the NLL on the same resamples, and its two-sided p-value."""
    resampled = after - before
    observed = found["nll"]["after"]["value"] - found["nll"]["before"]["value"]
    sides = [(1 + int(side.sum())) / (len(resampled) + 1) for side in (resampled <= 0, resampled >= 0)]
    change = interval_of(observed, resampled, confidence=section.confidence)
    return {"change": asdict(change), "p_value": min(1.0, 2.0 * min(sides))}
