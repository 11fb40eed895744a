"""What a package shows of its student probe."""

from types import SimpleNamespace

import pytest

from teacherspec.package.card.card_findings import TEMPERATURES
from teacherspec.package.card.probe_numbers import advice_of, points, probed_sets
from teacherspec.package.card.students import students_section
from teacherspec.package.quality_gates import evaluate_gates
from teacherspec.runtime.atomic_io import read_json
from teacherspec.spec.package import Gate
from tests.toys.packaged_teacher import PackagedTeacher


def test_the_card_has_the_lift_on_every_set_and_the_picture(packaged_teacher: PackagedTeacher) -> None:
    card = (packaged_teacher.folder / "README.md").read_text()
    probed = read_json(packaged_teacher.folder / "eval/probe/metrics.json")
    assert "## Worth to a student" in card
    for name in ("test", "shifted"):
        row = next(line for line in card.splitlines() if line.startswith(f"| {name} |") and "→" in line)
        assert points(probed[name]["lift"]) in row
    assert "eval/probe/plots/lift.png" in card
    assert (packaged_teacher.folder / "eval/probe/plots/lift.png").is_file()
    assert TEMPERATURES not in card, "what was measured replaces the advice to measure"
    assert advice_of(probed)[0] in card


def test_a_package_without_a_probe_has_no_such_section() -> None:
    outputs = SimpleNamespace(reports={"probe": {}})
    assert students_section(outputs) == ""  # type: ignore[arg-type]
    assert advice_of({}) == []


@pytest.mark.parametrize(("low", "passes"), [(0.001, True), (-0.001, False)])
def test_a_gate_on_the_lift_holds_for_its_lower_end(low: float, passes: bool) -> None:
    reports = {"probe": {"test": {"lift": {"value": 0.02, "low": low, "high": 0.04}}}}
    gate = Gate(metric="probe.test.lift", at_least=0.0, tested="bound")
    (result,) = evaluate_gates([gate], reports)
    assert result.passed is passes


def test_sets_are_in_order_and_points_are_readable() -> None:
    entry = {"lift": {"value": -0.001, "low": -0.027, "high": 0.025}}
    found = probed_sets({"a_set": entry, "recommended": {"weight": 1}, "test": entry})
    assert list(found) == ["test", "a_set"]
    assert points(entry["lift"]) == "−0.1 (−2.7 to 2.5)"
