import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.special import softmax

from teacherspec.calibrators.temperature import LARGE, departure_from_one, fit_temperature
from teacherspec.metrics.scores.proper_scores import nll
from tests.unit.calibrate.toy_predictions import planted

cases = st.tuples(
    st.integers(20, 200), st.integers(2, 6), st.floats(0.3, 5.0), st.integers(0, 2**31), st.floats(0.5, 4.0)
)


def fitted(case):
    rows, classes, temperature, seed, sharpness = case
    logits, labels = planted(rows, classes, temperature, seed, sharpness=sharpness)
    fit = fit_temperature(logits, labels)
    assume(fit.status == "ok")
    return logits, labels, fit


@given(cases)
def test_no_other_temperature_is_better(case):
    logits, labels, fit = fitted(case)
    assert fit.nll_after <= fit.nll_before + 1e-12
    assert fit.nll_after == pytest.approx(nll(logits / fit.temperature, labels), abs=1e-11)
    for factor in (0.999, 1.001):
        assert nll(logits / (fit.temperature * factor), labels) >= fit.nll_after - 1e-12


@given(cases)
def test_agrees_with_a_bounded_scalar_search(case):
    logits, labels, fit = fitted(case)
    found = minimize_scalar(
        lambda log_t: nll(logits / np.exp(log_t), labels),
        bounds=(-7, 7),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert fit.nll_after <= found.fun + 1e-12


@given(cases, st.floats(0.05, 20.0))
def test_scaling_the_logits_scales_the_temperature(case, factor):
    logits, labels, fit = fitted(case)
    scaled = fit_temperature(logits * factor, labels)
    assume(scaled.status == "ok")
    assert scaled.temperature == pytest.approx(fit.temperature * factor, rel=1e-9)
    assert scaled.standard_error == pytest.approx(fit.standard_error * factor, rel=1e-4)


@given(cases, st.randoms(use_true_random=False))
def test_order_of_rows_and_classes_and_row_shifts_change_nothing(case, random):
    logits, labels, fit = fitted(case)
    rows, classes = np.arange(len(labels)), np.arange(logits.shape[1])
    random.shuffle(rows)
    random.shuffle(classes)
    shift = np.linspace(-100, 100, len(labels))[:, None]
    same = fit_temperature((logits + shift)[rows][:, classes], np.argsort(classes)[labels[rows]])
    assert same.temperature == pytest.approx(fit.temperature, rel=1e-9)


@given(cases)
def test_temperature_never_changes_accuracy(case):
    logits, _, fit = fitted(case)
    assert ((logits / fit.temperature).argmax(axis=1) == logits.argmax(axis=1)).all()


@given(cases, st.lists(st.integers(0, 3), min_size=20, max_size=20))
def test_whole_weights_are_repeated_rows(case, repeats):
    _, classes, temperature, seed, sharpness = case
    logits, labels = planted(20, classes, temperature, seed, sharpness=sharpness)
    assume(any(repeats))
    weighted = fit_temperature(logits, labels, weights=repeats)
    repeated = fit_temperature(np.repeat(logits, repeats, axis=0), np.repeat(labels, repeats))
    assert weighted.status == repeated.status
    assert weighted.temperature == pytest.approx(repeated.temperature, rel=1e-9)


@pytest.mark.parametrize("temperature", [0.02, 0.5, 1.0, 3.0, 80.0])
def test_recovers_a_planted_temperature(temperature):
    fit = fit_temperature(*planted(5000, 10, temperature, seed=1))
    assert fit.status == "ok"
    assert abs(fit.temperature - temperature) < 4 * fit.standard_error
    assert fit.standard_error < 0.05 * temperature


def test_the_standard_error_is_the_spread_over_samples():
    fits = [fit_temperature(*planted(1000, 5, 2.0, seed)) for seed in range(200)]
    spread = np.std([fit.temperature for fit in fits])
    assert np.mean([fit.standard_error for fit in fits]) == pytest.approx(spread, rel=0.15)


def independent_temperature(logits, labels):
    """Root of the slope of the NLL in float64 by Brent's method."""
    z, rows = logits.astype(np.float64), np.arange(len(labels))

    def slope(beta):
        return ((softmax(beta * z, axis=1) * z).sum(axis=1) - z[rows, labels]).mean()

    return 1.0 / brentq(slope, 0.1, 10.0, xtol=1e-14, rtol=1e-14)


@pytest.mark.parametrize(("rows", "temperature"), [(LARGE, 0.4), (4 * LARGE, 2.0), (20 * LARGE, 5.0)])
def test_eight_digits_hold_in_large_sets(rows, temperature):
    logits, labels = planted(rows, 4, temperature, seed=3)
    given = logits.astype(np.float32)
    fit = fit_temperature(given, labels)
    assert fit.temperature == pytest.approx(independent_temperature(given, labels), rel=1e-8)
    assert fit.nll_before == pytest.approx(nll(given, labels), rel=1e-8)
    assert fit.nll_after == pytest.approx(nll(given / np.float64(fit.temperature), labels), rel=1e-8)
    assert fit.iterations <= 3


def test_rows_without_weight_are_as_if_absent_also_in_large_sets():
    logits, labels = planted(2 * LARGE, 3, 2.0, seed=3)
    weights = (np.arange(len(labels)) % 2).astype(float)
    kept = fit_temperature(logits[1::2], labels[1::2])
    assert fit_temperature(logits, labels, weights=weights).temperature == pytest.approx(
        kept.temperature, rel=1e-8
    )
    weights[20:] = 0.0
    assert fit_temperature(logits, labels, weights=weights).rows == len(labels)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64])
def test_any_dtype_is_optimised_in_float64(dtype):
    logits, labels = planted(300, 4, 2.0, seed=5, sharpness=5.0)
    rounded = logits.astype(dtype)
    assert (
        fit_temperature(rounded, labels).temperature
        == fit_temperature(rounded.astype(np.float64), labels).temperature
    )


@pytest.mark.parametrize(
    ("logits", "labels", "status"),
    [
        ([[2.0, 0.0], [0.0, 3.0]], [0, 1], "at_lower_bound"),
        ([[2e5, 0.0], [0.0, 3e5]], [0, 1], "at_lower_bound"),
        ([[2e-5, 0.0], [0.0, 3e-5]], [0, 1], "at_lower_bound"),
        ([[2.0, 0.0], [0.0, 3.0]], [1, 0], "at_upper_bound"),
        ([[2e5, 0.0], [0.0, 3e5]], [1, 0], "at_upper_bound"),
        ([[2.0, 0.0], [2.0, 0.0]], [0, 1], "at_upper_bound"),
        ([[7.0, 7.0], [-2.0, -2.0]], [0, 1], "flat"),
        ([[7.0, 7.0, -np.inf], [-2.0, -2.0, -np.inf]], [0, 1], "flat"),
        ([[5.0], [3.0]], [0, 0], "flat"),
    ],
)
def test_what_has_no_minimum_is_said_and_left_at_one(logits, labels, status):
    fit = fit_temperature(logits, labels)
    assert fit.status == status
    assert (fit.temperature, fit.standard_error) == (1.0, None)
    assert fit.nll_after == fit.nll_before
    assert fit.iterations < 15


def test_many_equal_rows_are_as_exact_as_few():
    logits, labels = np.array([[1.0, 0.0], [3.0, 0.0], [2.0, 0.0], [0.5, 0.0]]), np.array([0, 0, 1, 1])
    fit = fit_temperature(np.tile(logits, (LARGE, 1)), np.tile(labels, LARGE))
    assert fit.temperature == pytest.approx(4.627412097207427, rel=1e-8)


@given(cases)
def test_departure_is_the_slope_in_standard_errors(case):
    rows, classes, temperature, seed, sharpness = case
    logits, labels = planted(rows, classes, temperature, seed, sharpness=sharpness)
    slopes = (softmax(logits, axis=1) * logits).sum(axis=1) - logits[np.arange(rows), labels]
    expected = abs(slopes.sum()) / np.sqrt((slopes**2).sum())
    assert departure_from_one(logits, labels) == pytest.approx(expected, rel=1e-9)
    assert departure_from_one(np.zeros((5, 3)), [0, 1, 2, 0, 1]) == 0.0


def test_departure_finds_a_wrong_temperature_and_seldom_one_that_is_right():
    def found(temperature):
        sets = (planted(150, 10, temperature, seed) for seed in range(300))
        return np.mean([departure_from_one(*rows) > 2 for rows in sets])

    assert found(1.0) < 0.09  # 0.046 if the slope were normal
    assert found(1.5) > 0.5
    assert found(0.7) > 0.5
