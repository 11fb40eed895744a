"""Intervals of scores: they hold as often as declared, and a line corrects scores only where it helps."""

import math

import numpy as np
import pytest

from teacherspec.calibrators.score_interval import (
    conformal_radius,
    fewest_rows,
    fit_line,
    fit_score_interval,
    parse_score_interval,
)
from teacherspec.spec.calibrate import Conformal, NoCalibration

CONFORMAL = Conformal(kind="conformal", level=0.8)


def drawn(rows: int, seed: int, slope: float = 1.0, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    right = draw.uniform(0, 5, rows)  # the expected label of a row
    return (right - shift) / slope, right + draw.normal(0, 0.5, rows)


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (2.0, 1.0)])
def test_labels_of_new_rows_lie_in_the_interval_as_often_as_declared(slope: float, shift: float) -> None:
    shares = []
    for seed in range(40):
        interval, _ = fit_score_interval(CONFORMAL, *drawn(60, seed, slope, shift))
        scores, labels = drawn(400, 1_000 + seed, slope, shift)
        assert interval.radius is not None
        shares.append(np.mean(np.abs(interval.corrected(scores) - labels) <= interval.radius))
    assert np.mean(shares) == pytest.approx(0.8, abs=0.02)


def test_a_line_is_fitted_only_where_it_clearly_helps() -> None:
    changed = [fit_score_interval(CONFORMAL, *drawn(200, seed))[0].is_affine for seed in range(60)]
    assert np.mean(changed) < 0.1
    interval, reason = fit_score_interval(CONFORMAL, *drawn(200, 0, slope=2.0, shift=1.0))
    assert (interval.slope, interval.intercept) == pytest.approx((2.0, 1.0), abs=0.25)
    assert reason.startswith("a line lowers the squared error")
    plain = CONFORMAL.model_copy(update={"affine": False})
    assert not fit_score_interval(plain, *drawn(200, 0, slope=2.0, shift=1.0))[0].is_affine


def test_least_squares_is_that_of_numpy() -> None:
    scores, labels = drawn(50, 3, slope=1.7, shift=0.4)
    assert fit_line(scores, labels) == pytest.approx(tuple(np.polyfit(scores, labels, 1)))
    assert fit_line(np.ones(3), np.array([0.0, 1.0, 2.0])) == (0.0, 1.0)


@pytest.mark.parametrize(("rows", "level", "rank"), [(9, 0.9, 9), (19, 0.9, 18), (99, 0.95, 95)])
def test_the_radius_is_an_order_statistic(rows: int, level: float, rank: int) -> None:
    residuals = np.arange(1.0, rows + 1) * np.where(np.arange(rows) % 2, 1, -1)
    assert conformal_radius(residuals, level) == rank
    assert fewest_rows(level) <= rows
    assert math.isinf(conformal_radius(residuals[: fewest_rows(level) - 1], level))


def test_no_calibration_leaves_scores_as_they_are() -> None:
    interval, _ = fit_score_interval(NoCalibration(kind="none"), *drawn(30, 0, slope=2.0))
    assert interval.radius is None
    assert not interval.is_affine
    assert parse_score_interval(interval.model_dump(mode="json")) == interval
