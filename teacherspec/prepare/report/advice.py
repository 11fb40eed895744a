"""Advice for the following stages from the amount and the balance of the data."""

import math
from typing import Any

from teacherspec.prepare.report.label_typos import misspelt
from teacherspec.runtime.atomic_io import WHOLE_NUMBER
from teacherspec.runtime.escaping import markdown_code as code

FEW_ROWS = 1_000
MANY_ROWS = 100_000
UNEVEN = 3.0
"""Ratio of the largest to the smallest class from which class weights matter."""
WORTHWHILE = 0.01
"""Gain in accuracy from doubling the rows that justifies collecting them."""
OFF = 0.05
LARGE_GROUP = 0.05
"""Difference from a declared fraction, and share of a group, from which they are reported."""
_NO_LABEL = frozenset(
    {"nan", "none", "null", "nil", "n/a", "na", "<na>", "-", "?", "unlabeled", "unlabelled"}
)
"""Names, folded in case, that data frames, JSON and public data sets give to a label that is missing."""
FEW_REPORTED = 30
"""Test rows of a class below which its recall is imprecise (95 % interval wider than ±0.17)."""


def advice(metrics: dict[str, Any]) -> list[str]:
    """Sentences for the author of the declaration, each with its number."""
    advisers = (_amount, _fractions, _balance, _spelling, _no_labels, _curve, _depth, _reported, _personal)
    sentences = (advise(metrics) for advise in advisers)
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
            f"{rows} rows train; more than 100,000 rarely help. A sample (`prepare.sources.share`) trains "
            "faster, usually as well."
        )
    return f"{rows} rows train: a usual amount."


def _fractions(metrics: dict[str, Any]) -> str:
    """Splits that received another share of the rows than declared, beyond chance, and why."""
    by_hash = metrics.get("by_hash", {})
    fractions = by_hash.get("fractions", {})
    if not any(_is_off(one["declared"], one["reached"], by_hash["rows"]) for one in fractions.values()):
        return ""
    reached = ", ".join(
        f"{name} {one['reached']:.0%} ({one['declared']:.0%})" for name, one in fractions.items()
    )
    found = f"The splits received other shares of the rows than declared (in brackets): {reached}"
    groups = by_hash.get("groups", {"share": 0.0})
    if groups["share"] < LARGE_GROUP:
        return f"{found}. Rows that were removed, or contents with many rows, are not spread evenly."
    return (
        f"{found}. The largest of {groups['number']} groups, that of {groups['first_row']}, has "
        f"{groups['rows']} of {by_hash['rows']} rows ({groups['share']:.0%}), and a group is never divided. "
        "If its value only stands for an unknown group, name it in `prepare.no_group`; otherwise declare "
        "ready-made splits, sample the rows (`prepare.sources.rows_per_class`), or see whether another "
        "`prepare.seed` puts it into train."
    )


def _is_off(declared: float, reached: float, rows: int) -> bool:
    by_chance = math.sqrt(declared * (1 - declared) / rows)
    return abs(reached - declared) > max(OFF, 4 * by_chance)


def _balance(metrics: dict[str, Any]) -> str:
    train = metrics["splits"]["train"]
    if "smallest_class" not in train:
        return ""
    smallest, largest = train["smallest_class"], train["largest_class"]
    if largest < UNEVEN * smallest:
        return f"Classes are balanced ({smallest} to {largest} rows each in train): no class weights needed."
    return (
        f"Classes are imbalanced ({smallest} to {largest} rows each in train). Declare "
        "`finetune.class_weights: balanced` or sample (`prepare.sources.rows_per_class`), and evaluate "
        "macro-F1 in addition to accuracy."
    )


def _spelling(metrics: dict[str, Any]) -> str:
    rows = {label: sum(counts.values()) for label, counts in metrics["classes"].items()}
    intended = {rare: misspelt(rows, rare) for rare in rows}
    pairs = [
        f"{code(rare)} ({rows[rare]} rows) for {code(common)} ({rows[common]})"
        for rare, common in intended.items()
        if common is not None
    ]
    if not pairs:
        return ""
    return (
        f"Labels that may be misspelt: {', '.join(pairs[:5])}"
        + (f" and {len(pairs) - 5} more" if len(pairs) > 5 else "")
        + ". Correct the rows, or declare a transform of `kind: map`."
    )


def _no_labels(metrics: dict[str, Any]) -> str:
    """Classes whose name stands for rows without a label in data frames, JSON and public data sets."""
    rows = {label: sum(counts.values()) for label, counts in metrics["classes"].items()}
    numbers = all(WHOLE_NUMBER.fullmatch(label) for label in rows)
    found = [
        f"`{label}` ({count} rows)"
        for label, count in rows.items()
        if label.casefold() in _NO_LABEL or (numbers and label == "-1" and "0" in rows)
    ]
    if not found:
        return ""
    return (
        f"Classes whose name usually stands for no label: {', '.join(found)}. The teacher learns them as any "
        "other class. If these rows have no label, leave them out by a transform of `kind: filter`, and "
        "declare them as a further source of `role: transfer` where students shall learn from them."
    )


def _reported(metrics: dict[str, Any]) -> str:
    few = sorted(label for label, counts in metrics["classes"].items() if counts["test"] < FEW_REPORTED)
    if not few:
        return ""
    names = ", ".join(map(code, few[:5])) + (f" and {len(few) - 5} more" if len(few) > 5 else "")
    return f"Fewer than {FEW_REPORTED} test rows of {names}: the intervals of their recall are wide."


def _curve(metrics: dict[str, Any]) -> str:
    if "learning_curve" not in metrics:
        return ""
    curve = metrics["learning_curve"]
    path = ", ".join(f"{curve[share]:.3f}" for share in ("eighth", "quarter", "half", "all"))
    gain = curve["doubled"] - curve["all"]
    verdict = "more rows still help" if gain >= WORTHWHILE else "more rows of this kind help little"
    model = "A simple classifier" if metrics["classes"] else "An n-gram model of the next word"
    return (
        f"{model} without a base reaches accuracy {path} with an eighth, a quarter, half and all of train; "
        f"with twice the rows it would reach about {curve['doubled']:.3f}: {verdict}. "
        "The teacher must beat it."
    )


def _depth(metrics: dict[str, Any]) -> str:
    """Images whose values end far below the largest one that their bits hold."""
    dark = {change: rows for change, rows in metrics.get("changed", {}).items() if "are used" in change}
    if not dark:
        return ""
    return (
        f"Images that use few of their 16 bits: {sum(dark.values())} (see above). Scanners write 12 bits, 0 "
        "to 4095, into 16: nearly all their levels are lost when 16 are scaled to 8. Multiply the values of "
        "all images by the same factor before (16 for 12 bits: `magick FILE -evaluate multiply 16 file.png`)."
    )


def _personal(metrics: dict[str, Any]) -> str:
    rows = metrics["looks_private"]["rows"]
    if not rows:
        return ""
    return f"Rows that may contain personal data: {rows} (see above). A model can repeat it: mask it."
