"""Names of what `probe` reports."""

from collections.abc import Mapping

from teacherspec.metric_names.reported_names import ReportedNames, nested, of_splits, prefixed

ABOUT = nested(("recommended",), ("calibrated", "epochs", "temperature", "weight")) | nested(
    ("student",), ("parameters", "rows", "unlabelled_rows")
)
"""Of a student, whatever the set."""

QUALITY = nested(("labels_only", "taught"), ("accuracy", "ece", "nll"))

OF_SET = QUALITY | {
    "control", "dark_knowledge", "lift", "lifts", "nll_gain", "over_smoothing", "retention", "rows",
}  # fmt: skip
"""Of a student on one set."""

FEWER_ROWS = nested(("fewer_rows",), ("lift", "lifts"))
"""Of a student on one set with the smallest budget of rows."""


def probe_names(roles: Mapping[str, str], students: int, budgets: int) -> ReportedNames:
    """Names of all numbers of a probe.

    Args:
        roles: split name → role.
        students: declared students; none report nothing.
        budgets: declared budgets.
    """
    found = ReportedNames()
    for place in range(1, students + 1):
        stage = "probe" if place == 1 else f"probe.further.student_{place}"
        of_set = ReportedNames(OF_SET | (FEWER_ROWS if budgets > 1 else frozenset()))
        found |= ReportedNames(prefixed(stage, ABOUT))
        found |= of_splits(stage, roles, dict.fromkeys(("test", "shifted"), of_set))
    return found
