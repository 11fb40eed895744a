"""Reports that contradict each other, found without data."""

from pathlib import Path
from typing import Any

import pytest

from teacherspec.run_records.report_agreement import CALIBRATED, CONFUSION, EVALUATED, disagreements
from teacherspec.runtime.atomic_io import read_json, write_json, write_tsv


@pytest.fixture
def root(tmp_path: Path) -> Path:
    accuracy = {"value": 0.75, "low": 0.5, "high": 0.9}
    write_json(
        tmp_path / EVALUATED, {"test": {"accuracy": accuracy, "nll": {"value": 0.7}}, "loss_ratio": 1.1}
    )
    before = {
        "test": {"accuracy": {"before": accuracy, "after": 0.5}, "nll": {"before": 0.70001, "after": 0.6}}
    }
    write_json(tmp_path / CALIBRATED, {**before, "calibration": {"rows": 4}})
    write_tsv(tmp_path / CONFUSION, ("label", "predicted"), ["aa", "ab", "bb", "bb"])
    return tmp_path


def forged(path: Path, *names: str) -> None:
    content: Any = read_json(path)
    part = content
    for name in names[:-1]:
        part = part[name]
    part[names[-1]] = 0.999
    write_json(path, content)


def test_reports_of_one_run_agree(root: Path) -> None:
    assert not list(disagreements(root))


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (EVALUATED, ("test", "accuracy", "value")),
        (EVALUATED, ("test", "nll", "value")),
        (CALIBRATED, ("test", "accuracy", "before")),
        (CALIBRATED, ("test", "nll", "before")),
    ],
)
def test_a_number_that_is_edited_in_one_report_is_contradicted_by_another(
    root: Path, path: Path, names: tuple[str, ...]
) -> None:
    forged(root / path, *names)
    assert any("0.999" in problem for _, problem in disagreements(root))


def test_the_rows_of_the_confusion_table_are_counted(root: Path) -> None:
    forged(root / EVALUATED, "test", "accuracy", "value")
    forged(root / CALIBRATED, "test", "accuracy", "before")
    ((path, problem),) = disagreements(root)
    assert path == CONFUSION
    assert "0.75" in problem


@pytest.mark.parametrize("content", ["{", "[1]", "[" * 100_000])
def test_a_report_that_cannot_be_read_or_is_absent_contradicts_nothing(root: Path, content: str) -> None:
    (root / EVALUATED).write_text(content)
    assert not list(disagreements(root))
    (root / CALIBRATED).unlink()
    assert not list(disagreements(root))
