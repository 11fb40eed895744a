import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.errors import UserError
from teacherspec.package.card.readiness import verdict
from teacherspec.package.quality_gates import Gate, evaluate_gates
from teacherspec.package.run import require_ready
from teacherspec.spec.package import DEFAULT_GATES
from tests.toys.packaged_teacher import section

REPORTS: dict[str, Any] = {
    "evaluate": {
        "gain": {"test": {"accuracy": {"value": 0.02, "low": 0.01, "high": 0.03}}},
        "loss_ratio": 1.1,
        "test": {"accuracy": {"value": 0.91, "low": 0.88, "high": 0.94}},
    },
    "calibrate": {
        "test": {"ece": {"after": {"value": 0.04, "low": 0.01, "high": 0.06}, "noise_after": 0.05}},
        "calibration": {"fitted": 1},
    },
}


def gate(metric: str, **values: Any) -> Gate:
    return Gate.model_validate_json(json.dumps({"metric": metric, **values}))


@pytest.mark.parametrize(
    ("metric", "limits", "passed", "says"),
    [
        ("evaluate.test.accuracy", {"at_least": 0.9}, True, "the interval reaches 0.88"),
        ("evaluate.test.accuracy", {"at_least": 0.9, "tested": "bound"}, False, "bound 0.88 < 0.9"),
        ("evaluate.test.accuracy", {"at_least": 0.85, "tested": "bound"}, True, "bound 0.88 ≥ 0.85"),
        ("evaluate.test.accuracy", {"at_most": 0.92}, True, "the interval reaches 0.94"),
        ("evaluate.test.accuracy", {"at_most": 0.92, "tested": "bound"}, False, "bound 0.94 > 0.92"),
        ("evaluate.loss_ratio", {"at_least": 1.0, "at_most": 1.2}, True, "1.1 ≥ 1; 1.1 ≤ 1.2"),
        ("evaluate.loss_ratio", {"at_least": 1.15, "at_most": 1.2}, False, "1.1 < 1.15"),
        ("evaluate.loss_ratio", {"at_least": 1.0, "tested": "bound"}, False, "no interval"),
        ("evaluate.test.nll", {"at_most": 1.0}, False, "not measured"),
        ("evaluate.test", {"at_most": 1.0}, False, "not measured"),
        ("evaluate.test.accuracy.value.deeper", {"at_most": 1.0}, False, "not measured"),
        ("calibrate.test.ece.after", {"at_most": 0.04}, True, "cannot be tested on so few rows"),
        ("calibrate.test.ece.after", {"at_most": 0.04, "tested": "bound"}, False, "bound 0.06 > 0.05"),
    ],
)
def test_a_gate_is_checked(metric: str, limits: dict[str, Any], passed: bool, says: str) -> None:
    (result,) = evaluate_gates([gate(metric, **limits)], REPORTS)
    assert result.passed is passed
    assert says in result.reason


@pytest.mark.parametrize("metric", ["calibrate.test.ece.after", "calibrate.test.ece.noise_after"])
@pytest.mark.parametrize("worsened", [0, 1])
def test_no_number_after_calibration_passes_where_calibration_made_things_worse(metric, worsened) -> None:
    calibrate = {"test": {**REPORTS["calibrate"]["test"], "worsened": worsened}}
    (result,) = evaluate_gates([gate(metric, at_most=0.5)], {"calibrate": calibrate})
    assert result.passed is not bool(worsened)
    assert ("calibration made test worse" in result.reason) is bool(worsened)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, None, True, "0.99", [0.99], {"value": math.nan}]
)
def test_what_is_no_finite_number_fails(value: Any) -> None:
    (result,) = evaluate_gates(
        [gate("evaluate.loss_ratio", at_least=-1e300)], {"evaluate": {"loss_ratio": value}}
    )
    assert not result.passed
    assert result.measured is None


def test_no_gate_is_no_verdict() -> None:
    assert verdict(()) == "not ready"
    with pytest.raises(UserError, match="declares none"):
        require_ready(())


def test_one_failed_gate_is_enough() -> None:
    assert verdict(evaluate_gates(DEFAULT_GATES, REPORTS)) == "ready"
    assert (
        verdict(evaluate_gates([*DEFAULT_GATES, gate("evaluate.test.nll", at_most=9.0)], REPORTS))
        == "not ready"
    )


numbers = st.floats(-10, 10)


@given(value=numbers, below=st.floats(0, 1), above=st.floats(0, 1), limit=numbers, at_most=st.booleans())
def test_the_bound_is_never_easier_than_the_point(
    value: float, below: float, above: float, limit: float, at_most: bool
) -> None:
    reports = {"evaluate": {"m": {"value": value, "low": value - below, "high": value + above}}}
    limits = {"at_most" if at_most else "at_least": limit}
    bound, point = evaluate_gates(
        [gate("evaluate.m", tested="bound", **limits), gate("evaluate.m", **limits)], reports
    )
    assert point.passed or not bound.passed
    assert point.passed == (value <= limit if at_most else value >= limit)


@given(value=st.floats(0, 1), limit=st.floats(0, 1), noise=st.floats(0, 1))
def test_an_ece_passes_up_to_its_noise(value: float, limit: float, noise: float) -> None:
    reports = {"calibrate": {"test": {"ece": {"after": value, "noise_after": noise}}}}
    (result,) = evaluate_gates([gate("calibrate.test.ece.after", at_most=limit)], reports)
    assert result.passed == (value <= max(limit, noise))
    assert ("cannot be tested" in result.reason) == (noise > limit)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"gates": []}, "at least 1 item"),
        ({"gates": [{"metric": "evaluate.loss_ratio"}]}, "at_least, at_most or both"),
        ({"gates": [{"metric": "evaluate.loss_ratio", "at_least": 2, "at_most": 1}]}, "nothing passes"),
        ({"gates": [{"metric": "accuracy", "at_least": 1}]}, "should match pattern"),
        ({"soft_targets": ["train", "train"]}, "names a split twice"),
        ({"soft_targets": ["test"]}, "must stay unseen"),
        ({"name": "../teacher"}, "should match pattern"),
        ({"language": ["English!"]}, "should match pattern"),
    ],
)
def test_a_wrong_section_is_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        section(**values)
