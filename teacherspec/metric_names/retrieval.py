"""Names of the numbers that the stages measure of a retrieval teacher, for gates to name."""

from collections.abc import Mapping

from teacherspec.metrics.retrieval import RECALLED
from teacherspec.package.quality_gates import CALIBRATED

MEASURED = frozenset({"rows", "images", "texts", "accuracy", "nll", "ece"}) | {
    f"{direction}.{name}"
    for direction in ("image_to_text", "text_to_image")
    for name in (
        "queries", "candidates", "median_rank",
        *(f"{about}_at_{k}" for about in ("recall", "chance") for k in RECALLED),
    )
}  # fmt: skip
"""What `evaluate` measures of every split; accuracy, NLL and ECE are those of candidate sets."""


def retrieval_metrics(roles: Mapping[str, str]) -> frozenset[str]:
    """Dotted names of all numbers that the stages may measure of a retrieval teacher.

    Args:
        roles: split name → role.
    """
    names = {"evaluate.loss_ratio", "evaluate.candidate_set_size"}
    names |= {f"evaluate.{split}.{name}" for split in (*roles, "base.test") for name in MEASURED}
    for split, role in roles.items():
        names |= {f"calibrate.{split}.{name}" for name in CALIBRATED.get(role, ())}
    return frozenset(names)
