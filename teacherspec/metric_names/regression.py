"""Names of the numbers that the stages report of a teacher of scores."""

from collections.abc import Collection, Mapping

from teacherspec.metric_names.reported_names import ReportedNames, nested, of_splits, prefixed
from teacherspec.metrics.scores.regression import METRICS

WHEN = ("before", "after")
ERRORS = ("mse", "rmse", "mae")

ROWS = ReportedNames(frozenset({"rows"}))
QUALITY = ROWS | ReportedNames(frozenset(METRICS))

EVALUATED: Mapping[str, ReportedNames] = {
    **dict.fromkeys(("train", "validation", "calibration", "test", "shifted"), QUALITY),
    "transfer": ROWS,
}
"""Role of a split → what `evaluate` reports of it."""

INTERVAL = prefixed("interval", ("coverage", "error", "level", "noise", "width"))
"""Of the intervals of a split, where some were fitted."""

MEASURED = ReportedNames(frozenset({"rows", "worsened", "mse.change"}) | nested(ERRORS, WHEN), INTERVAL)

CALIBRATED: Mapping[str, ReportedNames] = {
    "calibration": ReportedNames(
        frozenset({"fitted", "rows", "slope", "intercept"}) | nested(ERRORS, WHEN),
        frozenset({"radius", "level"}),
    ),
    "test": MEASURED,
    "shifted": MEASURED,
}
"""Role of a split → what `calibrate` reports of it."""


def regression_names(roles: Mapping[str, str], perturbations: Collection[str]) -> ReportedNames:
    """Names of all numbers, see `by_output_type.reported_names`; perturbations are not measured."""
    del perturbations
    reported = {name: role for name, role in roles.items() if role in {"test", "shifted"}}
    by_role = {
        "evaluate.gain": dict.fromkeys(("test", "shifted"), ReportedNames(frozenset(METRICS))),
        "evaluate.base": dict.fromkeys(("test", "shifted"), QUALITY),
    }
    found = ReportedNames(frozenset({"evaluate.loss_ratio"}))
    for stage, names in by_role.items():
        found |= of_splits(stage, reported, names)
    return found | of_splits("evaluate", roles, EVALUATED) | of_splits("calibrate", roles, CALIBRATED)
