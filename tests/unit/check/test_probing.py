"""What `check` refuses of a declared probe."""

from pathlib import Path

import pytest

from tests.unit.check.example import changed, problems

STUDENTS = "probe: {students: [{kind: bag_of_ngrams}]}"
GATE = "evaluate.test.accuracy, at_least: 0.9"


def found(folder: Path, probe: str, gate: str = GATE) -> list[str]:
    return problems(folder, changed(("probe: {}", probe), (GATE, gate)))


def test_a_declared_student_and_a_gate_on_its_lift_are_right(tmp_path: Path) -> None:
    assert found(tmp_path, STUDENTS, "probe.test.lift, at_least: 0, tested: bound") == []


def test_the_section_is_needed_because_dvc_needs_its_key(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, changed(("probe: {}\n", "")))
    assert "probe: missing key" in problem
    assert "`{}` for none" in problem


@pytest.mark.parametrize(
    ("probe", "wanted"),
    [
        ("probe: {students: [{kind: bag_of_words}]}", "bag_of_ngrams"),
        (
            "probe: {students: [{kind: bag_of_ngrams}, {kind: bag_of_ngrams}]}",
            "declares the same student twice",
        ),
        ("probe: {budgets: [1.0, 0.5]}", "must ascend"),
        ("probe: {temperatures: [2, 2]}", "must ascend"),
        ("probe: {weights: [1.0]}", "below 1"),
        ("probe: {seeds: 1}", "2"),
    ],
)
def test_what_is_wrong_by_itself_is_named(tmp_path: Path, probe: str, wanted: str) -> None:
    (problem, *_) = found(tmp_path, probe)
    assert "probe" in problem
    assert wanted in problem


def test_a_gate_on_a_probe_without_students_names_no_number(tmp_path: Path) -> None:
    (problem,) = found(tmp_path, "probe: {}", "probe.test.lift, at_least: 0")
    assert "no stage measures probe.test.lift" in problem


def test_a_gate_on_a_shifted_set_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (problem,) = found(tmp_path, STUDENTS, "probe.shifted.lift, at_least: 0")
    assert "no stage measures probe.shifted.lift" in problem


def test_another_kind_of_task_is_refused_by_name(tmp_path: Path) -> None:
    wanted = "no student of a causal_lm teacher can be probed yet"
    text = changed(
        ("kind: text_classification\n  max_length: 64", "kind: causal_lm"), ("probe: {}", STUDENTS)
    )
    assert [line for line in problems(tmp_path, text) if wanted in line]
