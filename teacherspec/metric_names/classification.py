"""Names of the numbers that the stages report of a classifier."""

from collections.abc import Collection, Mapping

from teacherspec.metric_names.calibration import COMPARED_CLASSES, FIT_CLASSES
from teacherspec.metric_names.reported_names import (
    ReportedNames,
    gained,
    nested,
    of_splits,
    over_seeds,
    prefixed,
)

ROWS = ReportedNames(frozenset({"rows"}))

QUALITY = ROWS | ReportedNames(
    frozenset({"accuracy", "balanced_accuracy", "brier", "ece", "entropy", "macro_f1", "nll"}),
    frozenset({"matthews"})  # undefined where all labels or all predictions are of one class
    | nested(("weighted",), ("accuracy", "brier", "ece", "effective_rows", "macro_f1", "nll"))
    | nested(
        ("label_distribution",),
        ("accuracy", "brier", "cross_entropy", "disagreement", "ece", "entropy", "kl"),
    ),
)

EVALUATED: Mapping[str, ReportedNames] = {
    **dict.fromkeys(("train", "validation", "calibration", "test", "shifted"), QUALITY),
    "ood": ROWS,
    "transfer": ROWS,
}
"""Role of a split → what `evaluate` reports of it."""

ROBUSTNESS = ("accuracy", "flip_rate")
"""What `evaluate` reports of the test split under each perturbation."""

OOD_SCORES = ("max_probability.before", "max_probability.after", "energy.before")
OOD_DETECTION = ("auroc", "aupr_in", "aupr_out", "fpr_at_95_in_recall", "fpr_at_95_out_recall")
"""How well a score separates test rows from out-of-distribution rows."""

ABSTENTION = ReportedNames(sometimes=frozenset({"abstention.coverage", "abstention.risk"}))
"""Share of rows above the confidence that `calibrate.abstain` asks for, and their error rate."""

CALIBRATED: Mapping[str, ReportedNames] = {
    "calibration": FIT_CLASSES
    | ReportedNames(sometimes=frozenset({"abstention.proven", "abstention.threshold", "out_of_fold_rows"})),
    "test": COMPARED_CLASSES | ABSTENTION,
    "shifted": COMPARED_CLASSES | ABSTENTION,
    "ood": ROWS
    | ReportedNames(sometimes=frozenset({"abstention.coverage"}))
    | ReportedNames(
        nested(OOD_SCORES, OOD_DETECTION),
        # Energy needs logits that are not normalised, which only a temperature leaves.
        nested(("energy.after",), OOD_DETECTION),
    ),
}
"""Role of a split → what `calibrate` reports of it."""


def classification_names(roles: Mapping[str, str], perturbations: Collection[str]) -> ReportedNames:
    """Names of all numbers, see `by_output_type.reported_names`."""
    robustness = prefixed("evaluate.robustness", nested(perturbations, ROBUSTNESS))
    return (
        ReportedNames(
            frozenset({"evaluate.loss_ratio"}),
            # A perturbation is measured where it changes rows: there is no case in Chinese. Numbers out of
            # fold need cross-fitting.
            robustness | prefixed("evaluate.out_of_fold", QUALITY.all) | {"evaluate.loss_ratio_out_of_fold"},
        )
        | of_splits("evaluate", roles, EVALUATED)
        | gained(roles, QUALITY)
        | over_seeds(roles)
        | of_splits("calibrate", roles, CALIBRATED)
    )
