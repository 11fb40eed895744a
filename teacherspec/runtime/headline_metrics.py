"""`headline.json`: the few numbers of a stage that `dvc metrics diff` and `dvc exp show` print.

`metrics.json` holds everything that a gate may name, a hundred numbers and more; `teacherspec diff` reads it.
"""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import round_floats, write_json


def write_headline(report: Path, metrics: Mapping[str, Any], chosen: Sequence[str]) -> None:
    """Write the numbers whose dotted names match one of the patterns, without intervals.

    Args:
        report: folder of the reports.
        metrics: content of `metrics.json`.
        chosen: patterns of names, with `*` for any part of a name.
    """
    headline: dict[str, Any] = {}
    for name, value in _numbers(metrics):
        if any(fnmatchcase(name, pattern) for pattern in chosen):
            place = headline
            *folders, last = name.split(".")
            for folder in folders:
                place = place.setdefault(folder, {})
            place[last] = value
    write_json(report / "headline.json", round_floats(headline))


def _numbers(report: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Dotted name and value of every number; of one with an interval, only the value."""
    for key, value in report.items():
        name = f"{prefix}{key}"
        number = value.get("value") if isinstance(value, Mapping) and "value" in value else value
        if isinstance(number, int | float) and not isinstance(number, bool):
            yield name, number
        elif isinstance(value, Mapping):
            yield from _numbers(value, f"{name}.")
