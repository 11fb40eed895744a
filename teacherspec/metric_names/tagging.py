"""Names of the numbers that the stages report of token classification."""

from collections.abc import Collection, Mapping

from teacherspec.metric_names.calibration import COMPARED, FIT, WHEN
from teacherspec.metric_names.reported_names import (
    ReportedNames,
    gained,
    nested,
    of_splits,
    over_seeds,
    prefixed,
)

ROWS = ReportedNames(frozenset({"rows"}))
COUNTS = frozenset({"rows", "words", "words_unread", "entities"})
QUALITY = ReportedNames(COUNTS | {"f1", "precision", "recall", "macro_f1", "accuracy", "nll", "brier", "ece"})
"""What `evaluate` reports of every split with labels; accuracy, NLL, Brier score and ECE are of words."""

SPANS = ReportedNames(
    frozenset({"spans.predicted"}),
    # Where any entity is predicted, and of AUROC where some are right and some wrong.
    prefixed("spans", nested(("confidence", "ece", "nll", "signed"), WHEN))
    | {"spans.precision"}
    | prefixed("spans", nested(("aurc", "correctness_auroc"), WHEN)),
)
"""What `calibrate` reports of predicted entities."""

CALIBRATED: Mapping[str, ReportedNames] = {
    "calibration": FIT | ReportedNames(frozenset({"tokens"}) | nested(("nll", "ece"), WHEN)),
    **dict.fromkeys(("test", "shifted"), COMPARED | ReportedNames(frozenset({"tokens"})) | SPANS),
}
"""Role of a split → what `calibrate` reports of it."""


def tagging_names(roles: Mapping[str, str], perturbations: Collection[str]) -> ReportedNames:
    """Names of all numbers, see `by_output_type.reported_names`; perturbations are not measured."""
    del perturbations
    of_all = ReportedNames(frozenset({"evaluate.loss_ratio"})) | gained(roles, QUALITY) | over_seeds(roles)
    gained_f1 = dict.fromkeys(("test", "shifted"), ReportedNames(frozenset({"f1"})))
    of_all |= of_splits("evaluate.gain", roles, gained_f1)
    evaluated = {**dict.fromkeys(roles.values(), QUALITY), "transfer": ROWS}
    return of_all | of_splits("evaluate", roles, evaluated) | of_splits("calibrate", roles, CALIBRATED)
