"""Names of the numbers that the stages report of a retrieval teacher."""

from collections.abc import Collection, Mapping

from teacherspec.metric_names.calibration import COMPARED_CLASSES, FIT_CLASSES
from teacherspec.metric_names.reported_names import ReportedNames, gained, nested, of_splits, over_seeds
from teacherspec.metrics.scores.retrieval import RECALLED

DIRECTIONS = ("image_to_text", "text_to_image")

RANKING = (
    "queries", "candidates", "median_rank",
    *(f"{name}_at_{k}" for name in ("recall", "chance") for k in RECALLED),
)  # fmt: skip
"""What `evaluate` reports of each direction of a split."""

QUALITY = frozenset({"rows", "images", "texts", "accuracy", "nll", "ece"}) | nested(DIRECTIONS, RANKING)
"""What `evaluate` reports of every split; accuracy, NLL and ECE are those of candidate sets."""

CALIBRATED: Mapping[str, ReportedNames] = {
    "calibration": FIT_CLASSES,
    "test": COMPARED_CLASSES,
    "shifted": COMPARED_CLASSES,
}
"""Role of a split → what `calibrate` reports of it."""


def retrieval_names(roles: Mapping[str, str], perturbations: Collection[str]) -> ReportedNames:
    """Names of all numbers, see `by_output_type.reported_names`; perturbations are not measured."""
    del perturbations
    of_all = ReportedNames(frozenset({"evaluate.loss_ratio", "evaluate.candidate_set_size"}))
    of_all |= gained(roles, ReportedNames(QUALITY)) | over_seeds(roles)
    evaluated = dict.fromkeys(roles.values(), ReportedNames(QUALITY))
    return of_all | of_splits("evaluate", roles, evaluated) | of_splits("calibrate", roles, CALIBRATED)
