"""Limits of metrics, against the numbers that were measured of the default teacher."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from teacherspec.metric_names.ranges import limits_of

REPORTS = Path(__file__).parents[3] / "reports"


def numbers(content: Any, name: str) -> Iterator[tuple[str, float]]:
    """Every number in a report with its dotted name; of an interval its ends too."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from numbers(value, name if key in {"value", "low", "high"} else f"{name}.{key}")
    elif isinstance(content, int | float):
        yield name, float(content)


@pytest.mark.parametrize("stage", ["evaluate", "calibrate"])
def test_what_was_measured_lies_within(stage: str) -> None:
    content = json.loads((REPORTS / stage / "metrics.json").read_text())
    limited = [
        (name, limits, value)
        for name, value in numbers(content, stage)
        if (limits := limits_of(name)) is not None
    ]
    assert len(limited) > 30
    assert not [one for one in limited if not one[1][0] <= one[2] <= one[1][1]]


@pytest.mark.parametrize(
    ("metric", "limits"),
    [
        ("evaluate.test.accuracy", (0, 1)),
        ("evaluate.gain.shifted.accuracy", (-1, 1)),
        ("calibrate.test.ece.change", (-1, 1)),
        ("calibrate.test.ece.after", (0, 1)),
        ("evaluate.test.nll", None),
        ("evaluate.test.generated.chrf", None),
        ("probe.student.lift", None),
        ("evaluate.test.rows", None),
    ],
)
def test_limits_by_name(metric: str, limits: tuple[int, int] | None) -> None:
    assert limits_of(metric) == limits
