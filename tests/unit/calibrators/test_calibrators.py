import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from teacherspec.calibrators.affine import fit_dirichlet, fit_vector
from teacherspec.calibrators.auto_select import HeldOut, choose, cross_validate
from teacherspec.calibrators.fit import FITTERS, fit
from teacherspec.calibrators.fitted import Calibrator, Histogram, Isotonic, Temperature, apply
from teacherspec.calibrators.temperature import fit_temperature
from teacherspec.calibrators.top_label_curves import fit_isotonic
from teacherspec.metrics.calibration import top_label_confidence
from teacherspec.metrics.scores.proper_scores import nll
from teacherspec.metrics.scores.softmax import softmax
from teacherspec.spec.calibrate import (
    Auto,
    ClassTemperatureScaling,
    Conformal,
    DirichletCalibration,
    HistogramBinning,
    IsotonicRegression,
    Method,
    NoCalibration,
    TemperatureScaling,
    VectorScaling,
)
from tests.unit.calibrate.toy_predictions import planted

METHODS = (
    NoCalibration(kind="none"),
    TemperatureScaling(),
    ClassTemperatureScaling(kind="class_temperature", minimum_rows=30),
    VectorScaling(kind="vector"),
    DirichletCalibration(kind="dirichlet"),
    IsotonicRegression(kind="isotonic"),
    HistogramBinning(kind="histogram"),
)
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.kind)
LOGITS, LABELS = planted(600, 4, 2.5, seed=1)
FRESH, FRESH_LABELS = planted(3000, 4, 2.5, seed=2)


def test_every_method_that_can_be_declared_has_a_fitting_function():
    declared = {*get_args(get_args(Method)[0])}
    of_scores = {Conformal}  # see test_score_interval.py
    assert {*FITTERS, Auto} == declared - of_scores
    assert {type(method) for method in METHODS} == declared - of_scores - {Auto}


@each_method
def test_gives_distributions_and_is_plain_data(method):
    calibrator = fit(method, LOGITS, LABELS).calibrator
    text = json.dumps(calibrator.model_dump(mode="json"), allow_nan=False)
    again = TypeAdapter(Calibrator).validate_json(text)
    log_probs = apply(calibrator, FRESH)
    assert np.exp(log_probs).sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert (apply(again, FRESH) == log_probs).all()


@each_method
def test_improves_the_nll_of_new_rows(method):
    before = nll(FRESH, FRESH_LABELS)
    after = nll(apply(fit(method, LOGITS, LABELS).calibrator, FRESH), FRESH_LABELS)
    assert after == before if method.kind == "none" else after < before - 0.1


@each_method
def test_never_worsens_the_rows_it_was_fitted_on(method):
    after = nll(apply(fit(method, LOGITS, LABELS).calibrator, LOGITS), LABELS)
    assert after <= nll(LOGITS, LABELS) + 1e-12


@each_method
@given(seed=st.integers(0, 2**31), sharpness=st.sampled_from([0.01, 1.0, 30.0, 1000.0]))
@settings(max_examples=20, deadline=None)
def test_leaves_the_predicted_class_where_it_states_so(method, seed, sharpness):
    calibrator = fit(method, LOGITS, LABELS).calibrator
    rows = np.random.default_rng(seed).normal(size=(50, 4)) * sharpness
    log_probs = apply(calibrator, rows)
    assert np.isfinite(log_probs).all()
    if calibrator.keeps_argmax:
        assert (log_probs.argmax(axis=1) == rows.argmax(axis=1)).all()


@each_method
def test_separable_rows_give_finite_probabilities(method):
    logits = np.eye(4)[np.arange(40) % 4] * 5.0
    calibrator = fit(method, logits, np.arange(40) % 4).calibrator
    assert np.isfinite(nll(apply(calibrator, logits), (np.arange(40) + 1) % 4))


@each_method
def test_order_of_rows_changes_nothing(method):
    order = np.random.default_rng(3).permutation(len(LABELS))
    one = apply(fit(method, LOGITS, LABELS).calibrator, FRESH[:50])
    other = apply(fit(method, LOGITS[order], LABELS[order]).calibrator, FRESH[:50])
    assert one == pytest.approx(other, abs=1e-5)


@pytest.mark.parametrize(("fit", "distance"), [(fit_vector, 1e-4), (fit_dirichlet, 1e-4)])
def test_strong_shrinkage_is_temperature_scaling(fit, distance):
    calibrator, common = fit(LOGITS, LABELS, shrinkage=1e9)
    plain = Temperature(temperature=fit_temperature(LOGITS, LABELS).temperature)
    assert common.temperature == plain.temperature
    assert apply(calibrator, FRESH) == pytest.approx(apply(plain, FRESH), abs=distance)


def test_vector_scaling_finds_a_planted_bias_and_dirichlet_a_planted_mixture():
    bias = np.array([1.5, 0.0, 0.0, -1.5])
    logits, labels = planted(4000, 4, 1.0, seed=4)
    vector, _ = fit_vector(logits - bias, labels, shrinkage=1.0)
    found = np.asarray(vector.bias) - np.mean(vector.bias)
    assert found == pytest.approx(bias, abs=0.2)
    # Rows of equal sum, so that the mixture does not depend on the constant a softmax leaves open.
    mixed = logits @ np.linalg.inv(np.eye(4) + 0.3 * np.roll(np.eye(4), 1, axis=1)).T
    dirichlet, _ = fit_dirichlet(mixed, labels, shrinkage=1.0)
    assert nll(apply(dirichlet, mixed), labels) < nll(logits, labels) + 1e-3


def test_a_class_with_few_rows_keeps_the_common_temperature():
    logits, labels = planted(800, 3, 1.0, seed=5)
    logits[:, 2] -= 6.0
    logits[logits.argmax(axis=1) == 0] *= 3.0
    method = ClassTemperatureScaling(kind="class_temperature", minimum_rows=100)
    fitted = fit(method, logits, labels)
    first, second, third = fitted.calibrator.temperatures
    assert third == fitted.temperature.temperature
    assert first > 2 * second


def test_isotonic_is_right_where_temperature_cannot_be():
    generator = np.random.default_rng(6)
    confidence = generator.uniform(0.5, 1.0, 5000)
    truth = 0.5 + 2.0 * (confidence - 0.5) ** 2
    logits = np.stack([np.log(confidence / (1 - confidence)), np.zeros(5000)], axis=1)
    labels = (generator.random(5000) > truth).astype(int)
    calibrator = fit(IsotonicRegression(kind="isotonic"), logits, labels).calibrator
    plain = fit(TemperatureScaling(), logits, labels).calibrator
    errors = [
        np.abs(top_label_confidence(np.exp(apply(found, logits)), labels)[0] - truth).mean()
        for found in (calibrator, plain)
    ]
    assert errors[0] < 0.7 * errors[1]
    assert (np.diff(calibrator.values) >= 0).all()


def test_the_rest_keeps_its_proportions():
    log_probs = apply(Isotonic(knots=(0.0, 1.0), values=(0.7, 0.7)), [[3.0, 1.0, 0.0], [800.0, 1.0, 0.0]])
    assert np.exp(log_probs[:, 0]) == pytest.approx([0.7, 0.7])
    assert log_probs[:, 1] - log_probs[:, 2] == pytest.approx([1.0, 1.0])


def test_confidences_beyond_those_seen_belong_to_the_last_bin():
    steps = Histogram(upper_edges=(0.6, 0.8), values=(0.55, 0.9))
    logits = [[0.1, 0.0], [9.0, 0.0]]
    assert np.exp(apply(steps, logits)).max(axis=1) == pytest.approx([0.55, 0.9])


@each_method
def test_refuses_other_classes_and_broken_rows(method):
    calibrator = fit(method, LOGITS, LABELS).calibrator
    with pytest.raises(ValueError, match="row 1 holds nan"):
        apply(calibrator, [[1.0, 2.0, 3.0, 4.0], [np.nan, 2.0, 3.0, 4.0]])
    if method.kind in ("class_temperature", "vector", "dirichlet"):
        with pytest.raises(ValueError, match=r"expected \[N, 4\] as fitted"):
            apply(calibrator, [[1.0, 2.0]])


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "temperature", "temperature": 0.0},
        {"kind": "temperature", "temperature": -1.5},
        {"kind": "temperature"},
        {"kind": "temperature", "temperature": 1.0, "scale": 2.0},
        {"kind": "isotonic", "knots": [0.5], "values": [1.5]},
        {"kind": "platt"},
    ],
)
def test_broken_data_is_no_calibrator(data):
    with pytest.raises(ValidationError):
        TypeAdapter(Calibrator).validate_json(json.dumps(data))


def held_out(kind, nll_values, accuracy):
    return HeldOut(kind, np.asarray(nll_values), accuracy)


def test_a_richer_method_must_win_clearly_and_without_losing_accuracy():
    noise = np.tile([-1.0, 1.0], 200)
    plain = held_out("temperature", 1.0 + noise * 0, 0.9)
    slightly = held_out("vector", 0.99 + noise, 0.95)
    clearly = held_out("vector", 0.8 + 0.1 * noise, 0.9)
    careless = held_out("vector", 0.8 + 0.1 * noise, 0.89)
    assert choose([plain, slightly])[0] == 0
    assert choose([plain, clearly])[0] == 1
    assert choose([plain, careless])[0] == 0
    assert "vector 0.8" in choose([plain, clearly])[1]


def test_one_temperature_needs_no_clear_gain_but_a_clear_departure():
    noise = np.tile([-1.0, 1.0], 200)
    plain = held_out("none", 1.0 + noise * 0, 0.9)
    scaled = held_out("temperature", 0.99 + noise, 0.9)
    assert choose([plain, scaled])[0] == 0
    assert choose([plain, replace(scaled, departure=1.9)])[0] == 0
    assert choose([plain, replace(scaled, departure=2.1)])[0] == 1
    worse = held_out("temperature", 1.01 + noise, 0.9)
    assert choose([plain, replace(worse, departure=9.0)])[0] == 0
    curve = held_out("isotonic", 0.8 + 0.1 * noise, 0.9)
    assert choose([plain, curve, replace(scaled, departure=9.0)])[0] == 1


def test_auto_takes_a_richer_method_where_it_is_true():
    logits, labels = planted(1500, 3, 1.0, seed=7)
    biased = logits + np.array([2.0, 0.0, -2.0])
    assert fit(Auto(kind="auto"), biased, labels).calibrator.kind in ("vector", "dirichlet")
    assert fit(Auto(kind="auto"), logits * 2, labels).calibrator.kind == "temperature"


def test_cross_validation_scores_rows_by_fits_without_them():
    result = cross_validate("isotonic", fit_isotonic, LOGITS, LABELS, Auto(kind="auto"))
    assert result.nll.mean() > nll(apply(fit_isotonic(LOGITS, LABELS), LOGITS), LABELS)
    assert result.accuracy == (LOGITS.argmax(axis=1) == LABELS).mean()
    with pytest.raises(ValueError, match="folds"):
        cross_validate("isotonic", fit_isotonic, LOGITS[:3], LABELS[:3], Auto(kind="auto"))


def test_calibrated_confidence_matches_accuracy_on_new_rows():
    calibrator = fit(TemperatureScaling(), LOGITS, LABELS).calibrator
    confidences, correct = top_label_confidence(np.exp(apply(calibrator, FRESH)), FRESH_LABELS)
    assert confidences.mean() == pytest.approx(correct.mean(), abs=0.04)
    before, _ = top_label_confidence(softmax(FRESH), FRESH_LABELS)
    assert before.mean() > correct.mean() + 0.1
