"""What the amount and the balance of the data ask of the stages behind."""

from typing import Any

from teacherspec.prepare.report.label_typos import misspelt

FEW_ROWS = 1_000
MANY_ROWS = 100_000
UNEVEN = 3.0
"""Largest over smallest class from which weights begin to matter."""
WORTHWHILE = 0.01
"""Gain in accuracy from twice the rows that is worth collecting them."""
FEW_REPORTED = 30
"""Test rows of a class below which its recall is a rough guess (95 % interval wider than ±0.17)."""


def advice(metrics: dict[str, Any]) -> list[str]:
    """Sentences for the person who declares the teacher, each tied to its number."""
    tell = (_amount, _balance, _spelling, _curve, _reported, _private)
    sentences = (one(metrics) for one in tell)
    return [sentence for sentence in sentences if sentence]


def _amount(metrics: dict[str, Any]) -> str:
    rows = metrics["splits"]["train"]["rows"]
    if rows < FEW_ROWS:
        return (
            f"Only {rows} rows train (1,000 to 10,000 are usual). Regularise more: raise `finetune.dropout` "
            "and `finetune.weight_decay`, declare `finetune.loss.label_smoothing`, lower `finetune.epochs` "
            "or `finetune.early_stopping.patience`, or declare `finetune.method.kind: lora`."
        )
    if rows > MANY_ROWS:
        return (
            f"{rows} rows train; beyond 100,000 more rarely pay. A sample (`prepare.sources.share`) trains "
            "faster, usually as well."
        )
    return f"{rows} rows train: a usual amount."


def _balance(metrics: dict[str, Any]) -> str:
    train = metrics["splits"]["train"]
    if "smallest_class" not in train:
        return ""
    smallest, largest = train["smallest_class"], train["largest_class"]
    if largest < UNEVEN * smallest:
        return f"Classes are even enough ({smallest} to {largest} rows each in train): no weights needed."
    return (
        f"Classes are uneven ({smallest} to {largest} rows each in train). Declare "
        "`finetune.class_weights: balanced` or sample (`prepare.sources.rows_per_class`), and judge by "
        "macro-F1 beside accuracy."
    )


def _spelling(metrics: dict[str, Any]) -> str:
    rows = {label: sum(counts.values()) for label, counts in metrics["classes"].items()}
    meant = {rare: misspelt(rows, rare) for rare in rows}
    pairs = [
        f"`{rare}` ({rows[rare]} rows) for `{common}` ({rows[common]})"
        for rare, common in meant.items()
        if common is not None
    ]
    if not pairs:
        return ""
    return (
        f"Labels that may be misspelt: {', '.join(pairs[:5])}"
        + (f" and {len(pairs) - 5} more" if len(pairs) > 5 else "")
        + ". Correct the rows, or declare a transform of `kind: map`."
    )


def _reported(metrics: dict[str, Any]) -> str:
    few = sorted(label for label, counts in metrics["classes"].items() if counts["test"] < FEW_REPORTED)
    if not few:
        return ""
    names = ", ".join(few[:5]) + (f" and {len(few) - 5} more" if len(few) > 5 else "")
    return f"Fewer than {FEW_REPORTED} test rows report on {names}: read the intervals of their recall."


def _curve(metrics: dict[str, Any]) -> str:
    if "learning_curve" not in metrics:
        return ""
    curve = metrics["learning_curve"]
    path = ", ".join(f"{curve[share]:.3f}" for share in ("eighth", "quarter", "half", "all"))
    gain = curve["doubled"] - curve["all"]
    verdict = "more rows still pay" if gain >= WORTHWHILE else "more rows of this kind gain little"
    which = "the least to beat" if metrics["classes"] else "which guesses the next word of answers"
    return (
        f"A plain model without a base, {which}, reaches {path} with an eighth, a quarter, half "
        f"and all of train; twice the rows would bring it to about {curve['doubled']:.3f}: {verdict}."
    )


def _private(metrics: dict[str, Any]) -> str:
    rows = metrics["looks_private"]["rows"]
    if not rows:
        return ""
    return f"Rows that look private: {rows} (see above). A teacher can repeat what it has read: mask them."
