"""Calibration of each slice of the test split: a split can be calibrated while each of its slices is not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.calibrate.before_after import Scored
from teacherspec.metrics.calibration import ece_noise_floor, expected_calibration_error
from teacherspec.metrics.scores.intervals import Interval, mean_interval
from teacherspec.metrics.significance import benjamini_hochberg
from teacherspec.predictions.classification import SliceRows
from teacherspec.spec.calibrate import Calibrate

COLUMNS = (
    "slice", "family", "rows", "accuracy", "signed_before", "signed_after", "low", "high", "p_value",
    "q_value", "ece_before", "floor_before", "ece_after", "floor_after",
)  # fmt: skip

EXACT_ROWS = 1000
"""Rows up to which the law of the number of hits is computed, above which it is approximated by a normal."""


@dataclass(frozen=True)
class SliceCalibration:
    """Calibration of the probabilities on one slice.

    Attributes:
        slice: its name, family and rows.
        accuracy: share of right predictions after calibration.
        signed_before: mean confidence - accuracy; above 0 the model is overconfident.
        signed_after: the same after calibration, with its interval.
        p_value: of `signed_after`, if the calibrated confidences were true.
        q_value: adjusted over all slices (Benjamini & Hochberg 1995).
        ece: before and after, each followed by its noise floor.
    """

    slice: SliceRows
    accuracy: float
    signed_before: float
    signed_after: Interval
    p_value: float
    q_value: float
    ece: tuple[float, float, float, float]

    def row(self) -> list[object]:
        """Its line in the order of `COLUMNS`."""
        signed = (self.signed_before, self.signed_after.value, self.signed_after.low, self.signed_after.high)
        rounded = [round(value, 6) for value in (self.accuracy, *signed)]
        tests = [float(f"{value:.3g}") for value in (self.p_value, self.q_value)]
        errors = [round(value, 6) for value in self.ece]
        return [self.slice.name, self.slice.family, len(self.slice.rows), *rounded, *tests, *errors]


def calibration_by_slice(
    slices: Sequence[SliceRows], before: Scored, after: Scored, section: Calibrate
) -> list[SliceCalibration]:
    """Each slice of two rows or more, in ascending order of p-value.

    A `discovered` slice was selected for the model's errors on these same rows: its p-value is too small, and
    it is listed for the size of its error, not as a test.

    Args:
        slices: of the N rows.
        before: the rows under the model's own probabilities.
        after: the same rows under calibrated ones.
        section: bins, resamples, seed, level.
    """
    measurable = [one for one in slices if len(one.rows) > 1]
    p_values = [
        calibration_p_value(after.confidences[one.rows], int(after.correct[one.rows].sum()))
        for one in measurable
    ]
    q_values: Sequence[float] = benjamini_hochberg(p_values).tolist() if p_values else []
    measured = [
        _measure(one, before, after, (p_value, q_value), section)
        for one, p_value, q_value in zip(measurable, p_values, q_values, strict=True)
    ]
    return sorted(measured, key=lambda one: (one.p_value, one.slice.name))


def calibration_p_value(confidences: npt.NDArray[np.float64], hits: int) -> float:
    """Two-sided p-value of a number of hits, if every confidence `[N]` were the probability of a hit.

    The number of hits then follows the Poisson binomial law (Hong 2013); both tails count double.
    """
    from scipy.stats import norm, poisson_binom

    if len(confidences) <= EXACT_ROWS:
        below = poisson_binom.cdf(hits, confidences)
        above = poisson_binom.sf(hits - 1, confidences)
        return float(min(1.0, 2.0 * min(below, above)))
    spread = float(np.sqrt((confidences * (1.0 - confidences)).sum()))
    surprise = abs(hits - float(confidences.sum()))
    if spread == 0.0:
        return 1.0 if surprise == 0.0 else 0.0
    return float(2.0 * norm.sf(surprise / spread))


def _measure(
    part: SliceRows,
    before: Scored,
    after: Scored,
    tests: tuple[float, float],
    section: Calibrate,
) -> SliceCalibration:
    rows = part.rows
    excess = {when: one.confidences[rows] - one.correct[rows] for when, one in _both(before, after)}
    errors = [
        error
        for _, one in _both(before, after)
        for error in (
            expected_calibration_error(one.confidences[rows], one.correct[rows], n_bins=section.n_bins),
            ece_noise_floor(one.confidences[rows], n_bins=section.n_bins),
        )
    ]
    return SliceCalibration(
        slice=part,
        accuracy=float(after.correct[rows].mean()),
        signed_before=float(excess["before"].mean()),
        signed_after=mean_interval(
            excess["after"],
            n_resamples=section.resamples,
            seed=section.seed,
            confidence=section.confidence,
        ),
        p_value=tests[0],
        q_value=tests[1],
        ece=(errors[0], errors[1], errors[2], errors[3]),
    )


def _both(before: Scored, after: Scored) -> tuple[tuple[str, Scored], tuple[str, Scored]]:
    return ("before", before), ("after", after)
