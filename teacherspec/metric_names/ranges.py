"""Between which numbers a metric lies whatever the teacher, by its name."""

from teacherspec.metric_names.calibration import BINNED_ERRORS, WHEN

SHARES = frozenset(
    {"accuracy", "balanced_accuracy", "macro_f1", "micro_f1", "sample_f1", "f1", "precision", "recall"}
    | {"recall_at_1", "recall_at_5", "recall_at_10", "exact_match", "stopped", "empty", "flip_rate"}
    | {"mce", "rmsce", "smooth_ece", "classwise_ece", "aurc", "augrc", "coverage", "risk", "disagreement"}
    | {"subset_accuracy", "mean_average_precision", "macro_precision", "macro_recall", "ranking_loss"}
    | {"auroc", "correctness_auroc", "aupr_in", "aupr_out", "fpr_at_95_in_recall", "fpr_at_95_out_recall"}
    | {*BINNED_ERRORS}
)
"""Metrics between 0 and 1."""

DIFFERENCES = frozenset({"gain", "change"})
"""Parts of a name that make it the difference of two metrics."""


def limits_of(metric: str) -> tuple[float, float] | None:
    """The least and the greatest value of a metric; None where its name does not tell them.

    Args:
        metric: dotted name, such as `evaluate.test.accuracy`.
    """
    parts = [part for part in metric.split(".") if part not in WHEN]
    names = [part for part in parts if part not in DIFFERENCES]
    if names[-1] not in SHARES:
        return None
    return (0.0, 1.0) if len(names) == len(parts) else (-1.0, 1.0)
