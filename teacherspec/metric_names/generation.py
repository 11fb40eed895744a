"""Names of the numbers that the stages report of a model that generates text."""

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

TOKENS = frozenset(
    {"accuracy", "brier", "ece", "nll", "nll_macro", "nll_per_answer", "perplexity", "rows", "tokens"}
)
"""What `evaluate` reports of the supervised tokens of every split."""

ANSWERS = frozenset(
    {"chrf", "empty", "exact_match", "length_ratio", "repetition", "rows", "stopped", "tokens"}
)
"""What `evaluate` reports of generated answers."""

OF_WORDS = frozenset({"bleu", "rouge1", "rouge2", "rougeL", "rougeLsum"})
"""The same where it fits the references: their script, and whether they have enough words."""

ANSWER_GAIN = frozenset({"chrf", "exact_match"})
"""What `evaluate` reports of the gain of greedy answers over those of the untrained base."""

ROWS = ReportedNames(frozenset({"rows"}))
"""What `evaluate` reports of rows whose answers nobody vouches for."""

TOKEN_COUNT = ReportedNames(frozenset({"tokens"}))

CALIBRATED: Mapping[str, ReportedNames] = {
    "calibration": FIT | TOKEN_COUNT | ReportedNames(nested(("nll", "ece"), WHEN)),
    "test": COMPARED
    | TOKEN_COUNT
    | ReportedNames(
        prefixed("answers", ("rows", "exact_match", "aurc", "augrc", "ece.before")),
        prefixed("answers", ("correctness_auroc", "ece.after")),
    ),
    "shifted": COMPARED | TOKEN_COUNT,
}
"""Role of a split → what `calibrate` reports of it."""

OPPONENTS = ("base", "reference")
"""What people compare the teacher's answers with."""

RATINGS = (
    frozenset({"ratings", "skipped", "outdated", "raters", "wins", "ties", "losses", "p_value"})
    | {"win_rate", "win_rate_where_different", "left_preferred", "alpha.preference", "alpha.rating"}
    | prefixed("pairs", ("shown", "rated", "identical"))
    | prefixed("rating", ("pairs", "teacher", "opponent", "difference"))
)
"""What `ratings` reports of each opponent, where people rated answers."""


def generation_names(roles: Mapping[str, str], perturbations: Collection[str]) -> ReportedNames:
    """Names of all numbers, see `by_output_type.reported_names`; perturbations are not measured."""
    del perturbations
    generated = ("evaluate.test.generated", "evaluate.base.test.generated")
    of_all = ReportedNames(
        frozenset({"evaluate.loss_ratio"}) | nested(generated, ANSWERS),
        nested(generated, OF_WORDS)
        | prefixed("evaluate.test.sampled", ANSWERS | OF_WORDS)
        | prefixed("ratings", nested(OPPONENTS, RATINGS)),
    )
    evaluated = {**dict.fromkeys(roles.values(), ReportedNames(TOKENS)), "transfer": ROWS}
    of_all |= gained(roles, ReportedNames(TOKENS)) | over_seeds(roles)
    of_all |= ReportedNames(prefixed("evaluate.gain.test.generated", ANSWER_GAIN))
    return of_all | of_splits("evaluate", roles, evaluated) | of_splits("calibrate", roles, CALIBRATED)
