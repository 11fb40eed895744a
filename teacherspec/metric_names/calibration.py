"""Names of what `calibrate` reports of one split, relative to the split."""

from teacherspec.metric_names.reported_names import ReportedNames, nested

WHEN = ("before", "after")
"""Before and after calibration."""

BINNED_ERRORS = ("ece", "ece_equal_mass")
"""Calibration errors that have a noise floor and a 95 % point of noise."""

WITH_INTERVAL = ("accuracy", "nll", "signed", *BINNED_ERRORS)
"""Measures of rows and tokens that have an interval."""

WITHOUT_INTERVAL = ("augrc", "aurc", "debiased_squared", "mce", "rmsce", "smooth_ece")
"""Measures of rows and tokens that have none."""

CLASS_MEASURES = ("brier", "brier_reliability", "brier_resolution", "brier_uncertainty", "classwise_ece")
"""Measures that need the probability of every class."""

COMPARED = ReportedNames(
    frozenset({"argmax_changed", "ece.change", "nll.change", "nll.p_value", "rows", "worsened"})
    | nested((*WITH_INTERVAL, *WITHOUT_INTERVAL), WHEN)
    | {f"{error}.{about}_{when}" for error in BINNED_ERRORS for about in ("floor", "noise") for when in WHEN},
    nested(("correctness_auroc",), WHEN),  # defined where the split has right and wrong predictions
)
"""Of a test or shifted split, whatever the output type."""

COMPARED_CLASSES = COMPARED | ReportedNames(nested(CLASS_MEASURES, WHEN) | {"brier.change", "brier.p_value"})
"""Of a test or shifted split whose rows are choices among classes or candidates."""

FIT = ReportedNames(frozenset({"fitted", "rows"}), frozenset({"temperature", "standard_error"}))
"""Of the calibration split: whether the fit succeeded, on how many rows, and a fitted temperature."""

FIT_CLASSES = FIT | ReportedNames(nested(("nll", "brier", "ece"), WHEN))
"""Of the calibration split whose rows are choices among classes or candidates."""


def noise_metric(metric: str) -> str | None:
    """Name of the 95 % point of noise of a calibration error; None for other metrics."""
    name, _, when = metric.rpartition(".")
    is_binned_error = name.rpartition(".")[2] in BINNED_ERRORS and when in WHEN
    return f"{name}.noise_{when}" if is_binned_error else None
