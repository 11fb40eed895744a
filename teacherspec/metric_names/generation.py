"""Names of the numbers that the stages measure of a language model, for gates to name."""

from collections.abc import Mapping

from teacherspec.package.quality_gates import OPPONENTS, RATED

TOKENS = (
    "accuracy", "brier", "ece", "nll", "nll_macro", "nll_per_answer", "perplexity", "rows", "tokens",
)  # fmt: skip
"""What `evaluate` measures of every split."""

TEXTS = (
    "bleu", "chrf", "empty", "exact_match", "length_ratio", "repetition", "rouge1", "rouge2", "rougeL",
    "rougeLsum", "rows", "stopped", "tokens",
)  # fmt: skip
"""What `evaluate` measures of answers."""

INTERVALS = ("accuracy", "ece", "ece_equal_mass", "nll", "signed")
PLAIN = ("augrc", "aurc", "correctness_auroc", "debiased_squared", "mce", "rmsce", "smooth_ece")
WHEN = ("before", "after")


def token_metrics(roles: Mapping[str, str]) -> frozenset[str]:
    """Dotted names of all numbers that the stages may measure of a language model.

    Args:
        roles: split name → role.
    """
    names = {"evaluate.loss_ratio", "evaluate.base.nll_change"}
    names |= {f"evaluate.base.test.{name}" for name in TOKENS}
    names |= {f"evaluate.base.test.generated.{name}" for name in TEXTS}
    names |= {f"evaluate.test.{how}.{name}" for how in ("generated", "sampled") for name in TEXTS}
    fitted = ("rows", "tokens", "fitted", "temperature", "standard_error")
    names |= {f"calibrate.calibration.{name}" for name in fitted}
    names |= {f"calibrate.calibration.{name}.{when}" for name in ("nll", "ece") for when in WHEN}
    answers = ("rows", "exact_match", "aurc", "augrc", "correctness_auroc", "ece.before", "ece.after")
    names |= {f"calibrate.test.answers.{name}" for name in answers}
    names |= {f"ratings.{opponent}.{name}" for opponent in OPPONENTS for name in RATED}
    for split, role in roles.items():
        names |= {f"evaluate.{split}.{name}" for name in TOKENS}
        if role in ("test", "shifted"):
            names |= {f"calibrate.{split}.{name}" for name in _compared()}
    return frozenset(names)


def _compared() -> frozenset[str]:
    measured = {f"{name}.{when}" for name in (*INTERVALS, *PLAIN) for when in WHEN}
    noise = {
        f"{name}.{about}_{when}" for name in INTERVALS[1:3] for about in ("floor", "noise") for when in WHEN
    }
    return frozenset({"rows", "tokens", "nll.change", "nll.p_value"} | measured | noise)
