"""Whether a change of a metric is better or worse."""

from typing import Literal

from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.seed_noise import SeedComparison

SMALLER = frozenset(
    {
        "nll", "nll_macro", "nll_per_answer", "perplexity", "brier", "brier_reliability", "ece",
        "ece_equal_mass", "classwise_ece", "smooth_ece", "mce", "rmsce", "debiased_squared", "aurc", "augrc",
        "flip_rate", "fpr_at_95_in_recall", "fpr_at_95_out_recall", "median_rank", "repetition", "empty",
        "accuracy_sd", "nll_sd", "cross_entropy", "kl", "ranking_loss", "labels_never_predicted",
        "mse", "rmse", "mae", "error",
    }
)  # fmt: skip
"""Names of metrics of which a smaller value is better."""

LARGER = frozenset(
    {
        "accuracy", "balanced_accuracy", "macro_f1", "matthews", "auroc", "aupr_in", "aupr_out",
        "correctness_auroc", "brier_resolution", "exact_match", "bleu", "chrf", "rouge1", "rouge2", "rougeL",
        "rougeLsum", "stopped", "recall_at_1", "recall_at_5", "recall_at_10", "win_rate",
        "micro_f1", "sample_f1", "subset_accuracy", "mean_average_precision", "macro_precision",
        "macro_recall",
        "win_rate_where_different", "lift", "lifts", "nll_gain", "dark_knowledge", "over_smoothing",
        "pearson", "spearman", "f1", "precision", "recall",
    }
)  # fmt: skip
"""Names of metrics of which a larger value is better."""

WHEN = frozenset({"before", "after"})
"""Last part of the name of a metric that is measured before and after calibration."""

UNITS = {"bleu": "points of 100", "chrf": "points of 100", "perplexity": "perplexity", "median_rank": "rank",
         "mse": "squares of the scale", "rmse": "the scale", "mae": "the scale",
         "pearson": "correlation", "spearman": "correlation"}  # fmt: skip
"""Name of a metric → its unit, where that is neither a share nor nats."""

Verdict = Literal["better", "worse", "changed", "no clear change", "within seed noise"]


def measure(metric: str) -> str:
    """The last part of a dotted name that says what is measured: `ece` of `calibrate.test.ece.after`."""
    parts = metric.split(".")
    return parts[-2] if parts[-1] in WHEN and len(parts) > 1 else parts[-1]


def direction(metric: str) -> int:
    """1 where a larger value is better, -1 where a smaller one is, 0 where neither is."""
    if ".gain." in metric:  # over a baseline, turned so that more is better
        return 1
    name = measure(metric)
    return (name in LARGER) - (name in SMALLER)


def verdict(test: PairedTest) -> Verdict:
    """What a paired test shows, in a word."""
    if not test.differs:
        return "no clear change"
    if test.within_seed_noise:  # these two models differ, the recipes perhaps not
        return "within seed noise"
    better = direction(test.metric) * test.difference.value
    return "changed" if better == 0 else "better" if better > 0 else "worse"


def seed_verdict(found: SeedComparison) -> Verdict:
    """What a comparison over seeds shows, in a word."""
    if found.within_noise:
        return "within seed noise"
    return "better" if direction(found.metric) * found.difference.value > 0 else "worse"


def unit(metric: str) -> str:
    """What its values count: metrics of one unit share an axis."""
    name = measure(metric)
    return "nats" if name.startswith(("nll", "cross_entropy", "kl")) else UNITS.get(name, "share")
