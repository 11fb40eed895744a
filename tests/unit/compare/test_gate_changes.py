"""Gates of both sides, also where one was declared with earlier names of keys."""

from pathlib import Path

import pytest

from teacherspec.compare.gate_changes import checked_gates, gate_changes
from teacherspec.compare.revision import Revision

GATE = "{{metric: evaluate.test.accuracy, at_least: 0.9, {}}}"
NUMBERS = '{"test": {"accuracy": {"value": 0.91, "low": 0.88, "high": 0.94}}}'


def side(place: Path, patch: pytest.MonkeyPatch, key: str) -> Revision:
    """The working tree of a folder whose one gate has this key."""
    (place / "reports/evaluate").mkdir(parents=True, exist_ok=True)
    (place / "reports/evaluate/metrics.json").write_text(NUMBERS)
    (place / "params.yaml").write_text(f"package:\n  gates:\n  - {GATE.format(key)}\n")
    patch.chdir(place)
    return Revision("here", None)


@pytest.mark.parametrize(
    ("key", "passed"), [("judge: bound", False), ("tested: bound", False), ("judge: point", True)]
)
def test_a_gate_of_an_older_commit_is_checked_as_it_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, passed: bool
) -> None:
    assert checked_gates(side(tmp_path, monkeypatch, key))["evaluate.test.accuracy"].passed is passed


def test_the_new_name_alone_loosens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = side(tmp_path, monkeypatch, "judge: bound")
    before = checked_gates(older)
    newer = side(tmp_path, monkeypatch, "tested: bound")
    assert checked_gates(newer) == before
    assert not [change for change in gate_changes(newer, newer) if change.loosened]
