"""Reliability of the test split at each of a range of temperatures, for the page of the teacher.

A reader can then move the temperature without the logits: bins and mean loss at each stop of the range are
all that the picture shows, however many rows and classes there are.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from teacherspec.calibrate.result import RowScores
from teacherspec.metrics.calibration import expected_calibration_error
from teacherspec.metrics.reliability import reliability_bins
from teacherspec.runtime.atomic_io import round_floats

STOPS = tuple((2.0 ** np.linspace(-2.0, 2.0, 33)).tolist())
"""Temperatures from 1/4 to 4, 1 among them, each 9 % above the last."""


def temperature_sweep(
    at_temperature: Callable[[float], RowScores], fitted: float | None, n_bins: int
) -> list[dict[str, Any]]:
    """At each stop in ascending order: `temperature`, `nll` (nats), `ece`, and `bins`.

    Args:
        at_temperature: temperature → scores of the rows.
        fitted: a further stop, where it lies between the others.
        n_bins: of the calibration error and the bins.

    Returns:
        A bin is `[mean confidence, accuracy, rows]`; empty ones are left out.
    """
    stops = {*STOPS, *([fitted] if fitted is not None and STOPS[0] < fitted < STOPS[-1] else [])}
    return [_measure(stop, at_temperature(stop), n_bins) for stop in sorted(stops)]


def _measure(temperature: float, scored: RowScores, n_bins: int) -> dict[str, Any]:
    bins = reliability_bins(scored.confidences, scored.correct, n_bins=n_bins)
    measured: dict[str, Any] = round_floats(
        {
            "temperature": temperature,
            "nll": float(scored.nll.mean()),
            "ece": expected_calibration_error(scored.confidences, scored.correct, n_bins=n_bins),
            "bins": [[one.confidence, one.accuracy.value, one.count] for one in bins],
        }
    )
    return measured
