"""The few numbers that `dvc metrics diff` prints."""

import json
from pathlib import Path
from typing import Any

import pytest

from teacherspec.calibrate.report import HEADLINE as CALIBRATE
from teacherspec.evaluate.common_report import HEADLINE as EVALUATE
from teacherspec.prepare.report.report import HEADLINE as PREPARE
from teacherspec.runtime.atomic_io import read_json
from teacherspec.runtime.headline_metrics import write_headline

REPORTS = Path(__file__).parents[3] / "reports"
CHOSEN = {"prepare": PREPARE, "evaluate": EVALUATE, "calibrate": CALIBRATE}


def leaves(report: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(report, dict):
        return {prefix: report}
    return {k: v for key, value in report.items() for k, v in leaves(value, f"{prefix}.{key}").items()}


def test_values_keep_their_names_and_lose_their_intervals(tmp_path: Path) -> None:
    metrics = {
        "test": {"accuracy": {"value": 0.75, "low": 0.5, "high": 0.9}, "nll": 1.23456789, "rows": 4},
        "other": {"accuracy": 0.5, "note": "accuracy", "ready": True},
    }
    write_headline(tmp_path, metrics, ("*.accuracy", "test.nll"))
    assert read_json(tmp_path / "headline.json") == {
        "test": {"accuracy": 0.75, "nll": 1.234568},
        "other": {"accuracy": 0.5},
    }


@pytest.mark.parametrize("stage", CHOSEN)
def test_the_headline_of_the_default_teacher_is_short_and_is_of_its_report(
    tmp_path: Path, stage: str
) -> None:
    metrics = read_json(REPORTS / stage / "metrics.json")
    write_headline(tmp_path, metrics, CHOSEN[stage])
    headline, everything = leaves(read_json(tmp_path / "headline.json")), leaves(metrics)
    assert 5 < len(headline) <= 20
    assert len(headline) < len(everything) / 2
    for name, value in headline.items():
        assert value == everything.get(name, everything.get(f"{name}.value"))


def test_every_gate_of_the_default_teacher_is_a_headline(tmp_path: Path) -> None:
    found = set()
    for stage, chosen in CHOSEN.items():
        write_headline(tmp_path, read_json(REPORTS / stage / "metrics.json"), chosen)
        found |= {f"{stage}{name}" for name in leaves(read_json(tmp_path / "headline.json"))}
    gates = json.loads((REPORTS.parent / "reports/package/metrics.json").read_text())["gates"]
    assert gates["failed"] == 0
    assert {"evaluate.test.accuracy", "calibrate.test.ece.after"} <= found
