"""Calibration errors and losses of both sides, raw and calibrated."""

from collections.abc import Iterator, Sequence

from teacherspec.compare.report.formatting import measured
from teacherspec.compare.reported_numbers import Number

COMPARED = (".ece.before", ".nll.before", ".brier.before")
TEMPERATURE = "calibrate.calibration.temperature"


def calibration_rows(numbers: Sequence[Number]) -> Iterator[tuple[str, str, str]]:
    """Name, and `raw → calibrated` of the base and of the head revision; the temperature first."""
    found = {number.metric: number for number in numbers if number.metric.startswith("calibrate.")}
    if TEMPERATURE in found:
        temperature = found[TEMPERATURE]
        yield "temperature", measured(temperature.before), measured(temperature.after)
    for metric, raw in found.items():
        calibrated = found.get(f"{metric.removesuffix('.before')}.after")
        if metric.endswith(COMPARED) and calibrated is not None:
            sides = (raw.before, calibrated.before), (raw.after, calibrated.after)
            before, after = (f"{measured(a)} → {measured(b)}" for a, b in sides)
            yield metric.removesuffix(".before"), before, after
