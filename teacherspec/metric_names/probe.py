"""Names of what `probe` reports."""

from collections.abc import Mapping

from teacherspec.metric_names.reported_names import ReportedNames, nested, of_splits, prefixed
from teacherspec.metrics.scores.retrieval import RECALLED

ABOUT = nested(("recommended",), ("calibrated", "epochs", "temperature", "weight")) | nested(
    ("student",), ("parameters", "rows", "unlabelled_rows")
)
"""Of a student, whatever the set."""

SCORED: Mapping[str, tuple[str, ...]] = {
    "classification": ("accuracy", "ece", "nll"),
    "generation": ("accuracy", "ece", "nll"),
    "regression": ("pearson", "mse"),
    "retrieval": (*(f"recall_at_{k}" for k in RECALLED), "nll"),
}
"""Output type → what is reported of a student on one set with the teacher and without; its score first."""

OF_SET = frozenset(
    {"control", "dark_knowledge", "lift", "lifts", "nll_gain", "over_smoothing", "retention", "rows"}
)
"""Of a student on one set, besides."""

EMBEDDINGS = frozenset({"recommended.embeddings"})
"""Only of a student that may learn the teacher's embeddings."""

RANK_SURPRISAL = nested(("student.rank_surprisal",), ("answers", "rank", "ratio", "surprisal"))
"""Of a student that was a language model before training."""

FEWER_ROWS = nested(("fewer_rows",), ("lift", "lifts"))
"""Of a student on one set with the smallest budget of rows."""


def probe_names(output_type: str, roles: Mapping[str, str], students: int, budgets: int) -> ReportedNames:
    """Names of all numbers of a probe.

    Args:
        output_type: of the task; of one that is not in `SCORED` no student can be probed.
        roles: split name → role.
        students: declared students; none report nothing.
        budgets: declared budgets.
    """
    found = ReportedNames()
    if output_type not in SCORED:
        return found
    for place in range(1, students + 1):
        stage = "probe" if place == 1 else f"probe.further.student_{place}"
        quality = nested(("labels_only", "taught"), SCORED[output_type])
        of_set = ReportedNames(OF_SET | quality | (FEWER_ROWS if budgets > 1 else frozenset()))
        sometimes = EMBEDDINGS | (RANK_SURPRISAL if output_type == "generation" else frozenset())
        found |= ReportedNames(prefixed(stage, ABOUT), prefixed(stage, sometimes))
        found |= of_splits(stage, roles, dict.fromkeys(("test", "shifted"), of_set))
    return found
