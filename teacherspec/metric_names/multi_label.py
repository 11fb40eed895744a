"""Names of the numbers that the stages report of a multi-label teacher."""

from collections.abc import Collection, Mapping

from teacherspec.metric_names.calibration import COMPARED, FIT_CLASSES, WHEN
from teacherspec.metric_names.reported_names import (
    ReportedNames,
    gained,
    nested,
    of_splits,
    over_seeds,
)

DECIDED = ("accuracy", "macro_f1", "micro_f1", "sample_f1", "subset_accuracy")
"""Metrics that depend on from which probability on a label is predicted."""

QUALITY = ReportedNames(
    frozenset({"rows", "labels_per_row", "mean_average_precision", "ranking_loss", "nll", "brier"})
    | {"ece", "classwise_ece", *DECIDED}
)
"""What `evaluate` reports of every split with labels, which are predicted from 0.5 on before calibration."""

GAINED = ReportedNames(frozenset({"subset_accuracy", "macro_f1", "micro_f1", "mean_average_precision"}))
"""What `evaluate` reports of the gain over a linear probe of the base, besides accuracy and NLL."""

EVALUATED: Mapping[str, ReportedNames] = {
    **dict.fromkeys(("train", "validation", "calibration", "test", "shifted"), QUALITY),
    "transfer": ReportedNames(frozenset({"rows"})),
}
"""Role of a split → what `evaluate` reports of it."""

COMPARED_LABELS = COMPARED | ReportedNames(
    nested(("brier", "classwise_ece"), WHEN)
    | {"brier.change", "brier.p_value"}
    | {f"classwise_ece.{about}_{when}" for about in ("floor", "noise") for when in WHEN}
    | nested(("thresholds",), (*DECIDED, "macro_precision", "macro_recall"))
)
"""Of a test or shifted split: of decisions on labels, and of the labels that reach their thresholds."""

CALIBRATED: Mapping[str, ReportedNames] = {
    "calibration": FIT_CLASSES | ReportedNames(frozenset({"labels_never_predicted"})),
    "test": COMPARED_LABELS,
    "shifted": COMPARED_LABELS,
}
"""Role of a split → what `calibrate` reports of it."""


def multi_label_names(roles: Mapping[str, str], perturbations: Collection[str]) -> ReportedNames:
    """Names of all numbers, see `by_output_type.reported_names`; perturbations are not measured."""
    del perturbations
    reported = {name: role for name, role in roles.items() if role in {"test", "shifted"}}
    return (
        ReportedNames(frozenset({"evaluate.loss_ratio"}))
        | of_splits("evaluate", roles, EVALUATED)
        | gained(roles, QUALITY)
        | of_splits("evaluate.gain", reported, {"test": GAINED, "shifted": GAINED})
        | over_seeds(roles)
        | of_splits("calibrate", roles, CALIBRATED)
    )
