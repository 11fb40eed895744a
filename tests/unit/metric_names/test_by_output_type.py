from types import SimpleNamespace
from typing import Any, get_args

import pytest

from teacherspec.compare.report.headlines import HEADLINES
from teacherspec.metric_names.by_output_type import NAMES, reported_names
from teacherspec.metric_names.calibration import noise_metric
from teacherspec.package.build_metadata import ESTIMATES
from teacherspec.package.output_types import OUTPUT_TYPES
from teacherspec.spec.package import DEFAULT_GATES
from teacherspec.splits import Role
from teacherspec.tasks.shared.interfaces.declaration import OutputType

ROLES: dict[str, Role] = {
    "train": "train",
    "validation": "validation",
    "calibration": "calibration",
    "test": "test",
    "shifted": "shifted",
}


PROBABILITIES = tuple(name for name in NAMES if name != "regression")
"""Output types with probabilities; scores have errors in their place."""


def test_every_output_type_has_its_names() -> None:
    assert NAMES.keys() == set(get_args(OutputType))


@pytest.mark.parametrize("output_type", NAMES)
def test_what_the_card_and_the_default_gates_need_is_always_reported(output_type: OutputType) -> None:
    always = reported_names(output_type, ROLES).always
    shifted: list[Any] = [SimpleNamespace(name="shifted")]
    outputs: Any = SimpleNamespace(
        prepared=SimpleNamespace(of_role=lambda *roles: shifted), reports={"evaluate": {}, "calibrate": {}}
    )
    on_the_card = {metric for *_, metric in OUTPUT_TYPES[output_type].model_index(outputs)}
    assert on_the_card
    assert on_the_card <= always
    if output_type in PROBABILITIES:
        assert {gate.metric for gate in DEFAULT_GATES} <= always
        assert set(ESTIMATES.values()) <= always


def test_the_headlines_of_a_comparison_are_reported_by_some_output_type() -> None:
    known = frozenset[str]().union(*(reported_names(name, ROLES).all for name in NAMES))
    assert set(HEADLINES) <= known


@pytest.mark.parametrize("output_type", PROBABILITIES)
def test_a_noisy_calibration_error_has_its_noise_beside_it(output_type: str) -> None:
    names = reported_names(output_type, {"test": "test"}).always
    noise = {noise_metric(f"calibrate.test.{error}.after") for error in ("ece", "ece_equal_mass")}
    assert noise == {"calibrate.test.ece.noise_after", "calibrate.test.ece_equal_mass.noise_after"}
    assert noise <= names
    assert noise_metric("calibrate.test.nll.after") is None


def test_perturbations_are_reported_where_they_are_measured() -> None:
    names = reported_names("classification", ROLES, ("blur_3",)).sometimes
    assert {name for name in names if "robustness" in name} == {
        "evaluate.robustness.blur_3.accuracy",
        "evaluate.robustness.blur_3.flip_rate",
    }
    assert not any("robustness" in name for name in reported_names("retrieval", ROLES, ("blur_3",)).all)
