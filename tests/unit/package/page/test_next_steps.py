"""Rules of what to do next: each fires on its number alone, and the order is that of what is at stake."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.package.classification.next_steps import (
    confused_pairs,
    label_errors,
    perturbations,
    weak_classes,
)
from teacherspec.package.page import next_steps
from teacherspec.package.page.next_steps import Step, ordered
from teacherspec.package.page.page_inputs import PageInputs
from teacherspec.package.quality_gates import evaluate_gates
from teacherspec.package.stage_outputs import Stages
from teacherspec.runtime.atomic_io import write_tsv
from teacherspec.spec.evaluate import Evaluate
from teacherspec.spec.package import Gate
from tests.toys.packaged_teacher import TASK, PackagedTeacher, section


def interval(value: float, half: float = 0.01) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


GOOD: Mapping[str, Any] = {
    "evaluate": {
        "test": {"rows": 100, "accuracy": interval(0.9)},
        "gain": {"test": {"accuracy": interval(0.1)}, "shifted": {"accuracy": interval(0.1)}},
        "loss_ratio": 1.1,
    },
    "calibrate": {"test": {"ece": {"after": interval(0.02), "noise_after": 0.03}}},
    "probe": {"test": {"lifts": 1, "lift": interval(0.05)}},
    "ratings": {},
}
"""Reports of a teacher that no rule has a word for."""


@pytest.fixture
def good(packaged_teacher: PackagedTeacher, tmp_path: Path) -> PageInputs:
    outputs = replace(packaged_teacher.result.outputs, reports=GOOD, classes=())
    stages = Stages(packaged_teacher.stages.artifacts, tmp_path)
    return PageInputs(TASK, section(), Evaluate(), outputs, stages, ())


def changed(inputs: PageInputs, *path: str, value: Any) -> PageInputs:
    """The same with another number at this place of the reports."""

    def put(node: Any, rest: tuple[str, ...]) -> Any:
        return value if not rest else {**node, rest[0]: put(node.get(rest[0], {}), rest[1:])}

    reports = put(inputs.outputs.reports, path)
    return replace(inputs, outputs=replace(inputs.outputs, reports=reports))


def declared(inputs: PageInputs, **values: Any) -> PageInputs:
    training = inputs.outputs.training
    changed_training = {**training, "declared": {**training["declared"], **values}}
    return replace(inputs, outputs=replace(inputs.outputs, training=changed_training))


def actions(inputs: PageInputs) -> list[str]:
    return [step.action for rule in next_steps.RULES for step in rule(inputs)]


def test_a_good_teacher_has_nothing_to_do(good: PageInputs) -> None:
    assert actions(good) == []
    found = next_steps.next_section(good, ())
    assert found.items == []
    assert "No rule applies" in found.text[0]


def test_an_error_above_noise_names_the_calibration_to_declare(good: PageInputs) -> None:
    worse = changed(good, "calibrate", "test", "ece", "after", value=interval(0.08))
    (step,) = next_steps.calibration_error(worse)
    assert "kind: auto" in step.action
    assert step.points == pytest.approx(5.0)
    calibration = {**worse.outputs.calibration, "declared": {"kind": "auto"}}
    (step,) = next_steps.calibration_error(
        replace(worse, outputs=replace(worse.outputs, calibration=calibration))
    )
    assert "rows" in step.action


def test_a_failed_gate_on_the_calibration_error_comes_first(good: PageInputs) -> None:
    worse = changed(good, "calibrate", "test", "ece", "after", value=interval(0.08))
    worse = changed(worse, "evaluate", "loss_ratio", value=9.0)
    gates = evaluate_gates([Gate(metric="calibrate.test.ece.after", at_most=0.05)], worse.outputs.reports)
    assert not gates[0].passed
    steps = ordered([step for rule in next_steps.RULES for step in rule(replace(worse, gates=gates))])
    assert [step.blocking for step in steps] == [True, False]
    assert steps[0].points == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("values", "action"),
    [
        ({"linear_probe_first": False}, "linear_probe_first: true"),
        ({"linear_probe_first": True, "weight_interpolation": None}, "weight_interpolation: 0.7"),
        ({"linear_probe_first": True, "weight_interpolation": 0.7}, "freeze: backbone"),
    ],
)
def test_a_gain_within_noise_names_the_next_recipe(
    good: PageInputs, values: dict[str, Any], action: str
) -> None:
    worse = changed(good, "evaluate", "gain", "test", "accuracy", value=interval(0.005))
    (step,) = next_steps.no_gain(declared(worse, **values))
    assert action in step.action
    assert not list(next_steps.no_gain(declared(good, **values)))


def test_other_rules_fire_on_their_number(good: PageInputs) -> None:
    assert "cross_fit" in actions(changed(good, "evaluate", "loss_ratio", value=3.0))[0]
    assert "probe.students" in actions(changed(good, "probe", value={}))[0]
    lost = changed(good, "probe", "test", value={"lifts": 0, "lift": interval(0.0)})
    assert "transfer" in actions(lost)[0]
    gates = evaluate_gates([Gate(metric="evaluate.test.nothing", at_least=0)], GOOD)
    assert "evaluate.test.nothing" in actions(replace(good, gates=gates))[0]


def test_a_learning_curve_that_rises_asks_for_rows_but_not_for_more_than_is_wrong(good: PageInputs) -> None:
    rising = replace(good)
    rising.__dict__["reports"] = {**GOOD, "prepare": {"learning_curve": {"all": 0.5, "doubled": 0.9}}}
    (step,) = next_steps.more_rows(rising)
    assert step.points == pytest.approx(10.0)
    rising.__dict__["reports"] = {**GOOD, "prepare": {"learning_curve": {"all": 0.5, "doubled": 0.505}}}
    assert not list(next_steps.more_rows(rising))


def test_rules_on_classes_count_rows_of_test(good: PageInputs, tmp_path: Path) -> None:
    plots = tmp_path / "evaluate/plots"
    pairs = [("a", "a")] * 88 + [("a", "b")] * 4 + [("b", "a")] * 3 + [("c", "d")] * 2 + [("b", "b")] * 3
    write_tsv(plots / "confusion.tsv", ("label", "predicted"), pairs)
    (step,) = confused_pairs(good)
    assert ("`a`" in step.action) & ("`b`" in step.action)
    assert step.points == pytest.approx(7.0)
    write_tsv(
        plots / "label_errors.tsv", ("split", "id"), [("test", "1"), ("validation", "2"), ("test", "3")]
    )
    (step,) = label_errors(good)
    assert step.points == pytest.approx(2.0)
    columns = ("perturbation", "accuracy", "q_value", "right_to_wrong", "wrong_to_right")
    write_tsv(plots / "robustness.tsv", columns, [("typos", 0.8, 0.001, 11, 1), ("case", 0.89, 0.9, 2, 1)])
    (step,) = perturbations(good)
    assert "typos" in step.action
    assert step.points is None
    write_tsv(plots / "slices.tsv", ("slice", "weak"), [("label = a", "true"), ("label = b", "false")])
    classes = [{"label": name, "recall": 0.5, "support": 10} for name in "ab"]
    (step,) = weak_classes(replace(good, outputs=replace(good.outputs, classes=classes)))
    assert "`a`" in step.action
    assert step.points == pytest.approx(4.0)


STEPS = st.builds(
    Step, st.just("do"), st.just("why"), st.none() | st.floats(0, 100), st.just("accuracy"), st.booleans()
)


@given(st.lists(STEPS))
def test_blocking_steps_are_first_then_the_largest_stake_and_unknown_ones_last(steps: list[Step]) -> None:
    found = ordered(steps)
    assert sorted(map(id, found)) == sorted(map(id, steps))
    keys = [(not step.blocking, step.points is None, -(step.points or 0)) for step in found]
    assert keys == sorted(keys)
