"""Strengths, weaknesses and blind spots as sentences, each with the numbers behind it.

Strong and weak are said only where chance is an unlikely cause after every comparison of its family has
been counted (Benjamini & Hochberg 1995). A blind spot is a slice of the test split that is weak in this
sense. Slices by confidence are left out: being unsure where it errs is what a model should be.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.robustness import Robustness
from teacherspec.evaluate.slices import SliceQuality
from teacherspec.metrics.intervals import Interval, wilson_interval

Kind = Literal["strength", "weakness", "blind_spot"]

SHOWN = 5
"""Findings of one sort that are told; the tables hold all."""

SURE = 0.9
"""Confidence from which a wrong answer is called confidently wrong."""

MEMORISED = 1.2
"""Loss ratio above which the train rows are learned by heart more than understood."""

STEADY = 0.05
"""Share of answers that may flip, and of accuracy that may be lost, where a model is called steady."""

FEW = 3
"""Fewest rows behind a confusion that is told."""


@dataclass(frozen=True)
class Finding:
    """One sentence about the model.

    Attributes:
        kind: what it says.
        subject: what it is about: `accuracy`, `confidence`, `slice`, `confusion`, `perturbation`, `shift`,
            `loss_ratio`.
        sentence: for a person, complete with its numbers.
        numbers: the same numbers for a program.
    """

    kind: Kind
    subject: str
    sentence: str
    numbers: dict[str, Any]


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
    slices: Sequence[SliceQuality],
    robustness: Sequence[Robustness],
    shifts: Sequence[Shift],
    loss_ratio: float,
    confidence: float,
    false_discovery_rate: float,
) -> list[Finding]:
    """Everything worth a sentence, strengths first.

    Args:
        test: the test split and its predictions.
        slices: declared and discovered slices of it.
        robustness: the test split under perturbations.
        shifts: further sets of the same labels.
        loss_ratio: validation loss over train loss.
        confidence: level of the intervals.
        false_discovery_rate: at which perturbations and sets are called worse.
    """
    found = [
        *_accuracy(test, confidence),
        *_sureness(test, confidence),
        *_slices(slices),
        *_robustness(robustness, false_discovery_rate),
        *_shifts(shifts, false_discovery_rate),
        *_confusions(test),
        *_memory(loss_ratio),
    ]
    order: tuple[Kind, ...] = ("strength", "weakness", "blind_spot")
    return sorted(found, key=lambda finding: order.index(finding.kind))


def percent(share: float) -> str:
    """`93.1 %`."""
    return f"{100 * share:.1f} %"


def interval(found: Interval) -> str:
    """`93.1 % (90.8–94.9)`."""
    return f"{percent(found.value)} ({100 * found.low:.1f}–{100 * found.high:.1f})"


def p_text(p_value: float) -> str:
    """`0.0053`, or `< 0.0001`."""
    return f"{p_value:.2g}" if p_value >= 1e-4 else "< 0.0001"


def _adjusted(q_value: float) -> str:
    """`adjusted p = 0.0053`, or `adjusted p < 0.0001`."""
    return f"adjusted p = {p_text(q_value)}".replace("= <", "<")


def _points(change: float) -> str:
    """`−1.2 points`."""
    return f"{100 * change:+.1f} points".replace("-", "−")


def _ends(found: Interval) -> dict[str, float]:
    return {"value": found.value, "low": found.low, "high": found.high}


def _accuracy(test: EvalTable, confidence: float) -> Iterator[Finding]:
    """Accuracy against the best that can be had without looking: always the most frequent label."""
    found = wilson_interval(int(test.correct.sum()), len(test), confidence=confidence)
    blind = float(np.bincount(test.labels).max() / len(test))
    numbers = {"rows": len(test), "accuracy": _ends(found), "most_frequent_label": blind}
    heard = f"Right on {interval(found)} of {len(test)} test rows"
    known = f"always giving the most frequent label is right on {percent(blind)}"
    if found.low > blind:
        yield Finding("strength", "accuracy", f"{heard}; {known}.", numbers)
    else:
        yield Finding("weakness", "accuracy", f"{heard}, not surely more than chance: {known}.", numbers)


def _sureness(test: EvalTable, confidence: float) -> Iterator[Finding]:
    """What high confidence is worth."""
    sure = test.confidence >= SURE
    rows = int(sure.sum())
    if rows == 0:
        return
    hits = int(test.correct[sure].sum())
    found = wilson_interval(hits, rows, confidence=confidence)
    numbers = {"confidence": SURE, "rows": rows, "share": rows / len(test), "accuracy": _ends(found)}
    known = f"{percent(rows / len(test))} of the test rows are answered with confidence {SURE:g} or more"
    if found.low >= SURE:
        yield Finding("strength", "confidence", f"{known}; of these {interval(found)} are right.", numbers)
    elif found.high < SURE:
        yield Finding(
            "weakness",
            "confidence",
            f"Confidently wrong: {known}, but of these only {interval(found)} are right.",
            numbers,
        )


def _slices(slices: Sequence[SliceQuality]) -> Iterator[Finding]:
    telling = [found for found in slices if found.family != "confidence"]
    worst = sorted((found for found in telling if found.weak), key=lambda found: found.p_value)
    best = sorted((found for found in telling if found.strong), key=lambda found: found.p_value)
    yield from (_slice("strength", "Strong where", found) for found in best[:SHOWN])
    yield from (_slice("blind_spot", "Weak where", found) for found in worst)


def _slice(kind: Kind, opening: str, found: SliceQuality) -> Finding:
    return Finding(
        kind,
        "slice",
        f"{opening} {found.slice.name}: right on {interval(found.accuracy)} of {found.rows} rows, against "
        f"{percent(found.elsewhere)} elsewhere ({_adjusted(found.q_value)}).",
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
        answer = (
            f"{percent(found.flip_rate.value)} of the answers change, accuracy changes by {_points(change)}"
        )
        if change < 0 and found.q_value <= false_discovery_rate:
            yield Finding(
                "weakness",
                "perturbation",
                f"Sensitive to {found.name}: {answer} ({_adjusted(found.q_value)}).",
                numbers,
            )
        elif found.changed and found.flip_rate.high <= STEADY:
            yield Finding("strength", "perturbation", f"Indifferent to {found.name}: {answer}.", numbers)


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
        heard = (
            f"right on {interval(shift.accuracy)} of {shift.rows} rows, against "
            f"{percent(shift.test_accuracy)} on test"
        )
        if worse:
            yield Finding(
                "weakness",
                "shift",
                f"Loses on {shift.split}, the same labels in other circumstances: {heard} "
                f"({_adjusted(shift.q_value)}).",
                numbers,
            )
        elif shift.accuracy.low >= shift.test_accuracy - STEADY:
            yield Finding("strength", "shift", f"Carries over to {shift.split}: {heard}.", numbers)


def _confusions(test: EvalTable) -> Iterator[Finding]:
    """The most frequent mistakes; a count, not a test."""
    pairs = Counter(
        (int(label), int(guess))
        for label, guess in zip(test.labels, test.predicted, strict=True)
        if label != guess
    )
    support = np.bincount(test.labels, minlength=len(test.label_names))
    common = sorted(pairs.items(), key=lambda entry: (-entry[1], entry[0]))
    for (label, guess), count in [entry for entry in common if entry[1] >= FEW][:SHOWN]:
        name, taken, rows = test.label_names[label], test.label_names[guess], int(support[label])
        yield Finding(
            "weakness",
            "confusion",
            f"Takes {name} for {taken} in {count} of {rows} rows.",
            {"label": name, "predicted": taken, "count": count, "rows": rows},
        )


def _memory(loss_ratio: float) -> Iterator[Finding]:
    if loss_ratio > MEMORISED:
        yield Finding(
            "weakness",
            "loss_ratio",
            f"Knows train rows by heart: validation loss is {loss_ratio:.2f} times train loss (healthy: up "
            f"to {MEMORISED:g}), so its probabilities on train rows tell a student little beyond the labels.",
            {"loss_ratio": loss_ratio, "healthy": MEMORISED},
        )
