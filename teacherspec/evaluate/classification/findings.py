"""Strengths, weaknesses and blind spots of a classifier as sentences, each with its numbers.

A slice, set or perturbation is called strong or weak only where the difference is significant after
correction for all comparisons of its family (Benjamini & Hochberg 1995). A blind spot is a slice of the test
split that is weak in this sense. Slices by confidence are left out: a model should be unsure where it errs.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.finding import Finding, FindingKind, interval_text, memorised, p_text, percent
from teacherspec.evaluate.robustness import Robustness
from teacherspec.evaluate.slices import SliceQuality
from teacherspec.metrics.scores.intervals import Interval, wilson_interval
from teacherspec.runtime.escaping import markdown_code as code

SHOWN = 5
"""Findings of one sort that are reported; the tables hold all."""

CONFIDENT = 0.9
"""Confidence from which a wrong prediction is called confidently wrong."""

TOLERATED_CHANGE = 0.05
"""Share of predictions that may flip, and of accuracy that may be lost, where a model is called robust."""

MIN_CONFUSIONS = 3
"""Fewest rows of a confusion that is reported."""


@dataclass(frozen=True)
class Shift:
    """Accuracy on a further set of the same labels against the test split.

    Attributes:
        split: name of the set.
        rows: in it.
        accuracy: on it, with Wilson interval.
        test_accuracy: on the test split.
        p_value: two-sided exact p-value that both are the same (Fisher 1935).
        q_value: p-value adjusted over all such sets.
    """

    split: str
    rows: int
    accuracy: Interval
    test_accuracy: float
    p_value: float
    q_value: float


def all_findings(
    test: EvalTable,
    *,
    gains: Iterable[Finding],
    slices: Sequence[SliceQuality],
    robustness: Sequence[Robustness],
    shifts: Sequence[Shift],
    loss_ratio: float,
    loss_ratio_out_of_fold: float | None,
    confidence: float,
    false_discovery_rate: float,
) -> list[Finding]:
    """Everything worth a sentence, strengths first.

    Args:
        test: the test split and its predictions.
        gains: over the untrained base.
        slices: declared and discovered slices of it.
        robustness: the test split under perturbations.
        shifts: further sets of the same labels.
        loss_ratio: validation loss over train loss.
        loss_ratio_out_of_fold: over that of train rows out of fold, where cross-fitting gave it.
        confidence: level of the intervals.
        false_discovery_rate: at which perturbations and sets are called worse.
    """
    found = [
        *_accuracy(test, confidence),
        *gains,
        *_high_confidence(test, confidence),
        *_slices(slices),
        *_robustness(robustness, false_discovery_rate),
        *_shifts(shifts, false_discovery_rate),
        *_confusions(test),
        *memorised(loss_ratio, loss_ratio_out_of_fold),
    ]
    order: tuple[FindingKind, ...] = ("strength", "weakness", "blind_spot")
    return sorted(found, key=lambda finding: order.index(finding.kind))


def _adjusted(q_value: float) -> str:
    """`adjusted p = 0.0053`, or `adjusted p < 0.0001`."""
    return f"adjusted p = {p_text(q_value)}".replace("= <", "<")


def _points(change: float) -> str:
    """`−1.2 points`."""
    return f"{100 * change:+.1f} points".replace("-", "−")


def _ends(found: Interval) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high}


def _accuracy(test: EvalTable, confidence: float) -> Iterator[Finding]:
    """Accuracy against always predicting the most frequent label."""
    accuracy = wilson_interval(int(test.correct.sum()), len(test), confidence=confidence)
    most_frequent = float(np.bincount(test.labels).max() / len(test))
    numbers = {"rows": len(test), "accuracy": _ends(accuracy), "most_frequent_label": most_frequent}
    reached = f"Right on {interval_text(accuracy)} of {len(test)} test rows"
    trivial = f"always predicting the most frequent label is right on {percent(most_frequent)}"
    if accuracy.low > most_frequent:
        yield Finding("strength", "accuracy", f"{reached}; {trivial}.", numbers)
    else:
        sentence = f"{reached}, not significantly more than chance: {trivial}."
        yield Finding("weakness", "accuracy", sentence, numbers)


def _high_confidence(test: EvalTable, confidence: float) -> Iterator[Finding]:
    """Accuracy of the confident predictions."""
    confident = test.confidence >= CONFIDENT
    rows = int(confident.sum())
    if rows == 0:
        return
    accuracy = wilson_interval(int(test.correct[confident].sum()), rows, confidence=confidence)
    share = rows / len(test)
    numbers = {"confidence": CONFIDENT, "rows": rows, "share": share, "accuracy": _ends(accuracy)}
    answered = f"{percent(share)} of the test rows are predicted with confidence {CONFIDENT:g} or more"
    if accuracy.low >= CONFIDENT:
        sentence = f"{answered}; of these {interval_text(accuracy)} are right."
        yield Finding("strength", "confidence", sentence, numbers)
    elif accuracy.high < CONFIDENT:
        sentence = f"Confidently wrong: {answered}, but of these only {interval_text(accuracy)} are right."
        yield Finding("weakness", "confidence", sentence, numbers)


def _slices(slices: Sequence[SliceQuality]) -> Iterator[Finding]:
    by_p_value = sorted((one for one in slices if one.family != "confidence"), key=lambda one: one.p_value)
    strong = [one for one in by_p_value if one.strong]
    yield from (_slice("strength", "Strong where", one) for one in strong[:SHOWN])
    yield from (_slice("blind_spot", "Weak where", one) for one in by_p_value if one.weak)


def _slice(kind: FindingKind, opening: str, found: SliceQuality) -> Finding:
    return Finding(
        kind,
        "slice",
        f"{opening} {code(found.slice.name)}: right on {interval_text(found.accuracy)} of {found.rows} rows, "
        f"against {percent(found.elsewhere)} elsewhere ({_adjusted(found.q_value)}).",
        {
            "slice": found.slice.name,
            "rows": found.rows,
            "accuracy": _ends(found.accuracy),
            "elsewhere": found.elsewhere,
            "p_value": found.p_value,
            "q_value": found.q_value,
        },
    )


def _robustness(robustness: Sequence[Robustness], false_discovery_rate: float) -> Iterator[Finding]:
    for found in robustness:
        change = (found.wrong_to_right - found.right_to_wrong) / found.rows
        numbers = {
            "perturbation": found.name,
            "rows": found.rows,
            "changed": found.changed,
            "accuracy": _ends(found.accuracy),
            "accuracy_change": change,
            "flip_rate": _ends(found.flip_rate),
            "q_value": found.q_value,
        }
        flips = percent(found.flip_rate.value)
        effect = f"{flips} of the predictions change, accuracy changes by {_points(change)}"
        if change < 0 and found.q_value <= false_discovery_rate:
            yield Finding(
                "weakness",
                "perturbation",
                f"Sensitive to {found.name}: {effect} ({_adjusted(found.q_value)}).",
                numbers,
            )
        elif found.changed and found.flip_rate.high <= TOLERATED_CHANGE:
            yield Finding("strength", "perturbation", f"Robust to {found.name}: {effect}.", numbers)


def _shifts(shifts: Sequence[Shift], false_discovery_rate: float) -> Iterator[Finding]:
    for shift in shifts:
        worse = shift.q_value <= false_discovery_rate and shift.accuracy.value < shift.test_accuracy
        numbers = {
            "split": shift.split,
            "rows": shift.rows,
            "accuracy": _ends(shift.accuracy),
            "test_accuracy": shift.test_accuracy,
            "q_value": shift.q_value,
        }
        reached = (
            f"right on {interval_text(shift.accuracy)} of {shift.rows} rows, against "
            f"{percent(shift.test_accuracy)} on test"
        )
        if worse:
            yield Finding(
                "weakness",
                "shift",
                f"Loses on {shift.split}, the same labels in another distribution: {reached} "
                f"({_adjusted(shift.q_value)}).",
                numbers,
            )
        elif shift.accuracy.low >= shift.test_accuracy - TOLERATED_CHANGE:
            yield Finding("strength", "shift", f"Generalises to {shift.split}: {reached}.", numbers)


def _confusions(test: EvalTable) -> Iterator[Finding]:
    """The most frequent mistakes; a count, not a test."""
    pairs = Counter(
        (int(label), int(guess))
        for label, guess in zip(test.labels, test.predicted, strict=True)
        if label != guess
    )
    support = np.bincount(test.labels, minlength=len(test.label_names))
    common = sorted(pairs.items(), key=lambda entry: (-entry[1], entry[0]))
    for (label, guess), count in [entry for entry in common if entry[1] >= MIN_CONFUSIONS][:SHOWN]:
        name, taken, rows = test.label_names[label], test.label_names[guess], int(support[label])
        yield Finding(
            "weakness",
            "confusion",
            f"Takes {code(name)} for {code(taken)} in {count} of {rows} rows.",
            {"label": name, "predicted": taken, "count": count, "rows": rows},
        )
