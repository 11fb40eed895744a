"""Findings: sentences about a model's strengths and weaknesses, each with its numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from teacherspec.metrics.scores.intervals import Interval

FindingKind = Literal["strength", "weakness", "blind_spot"]

MEMORISED = 1.2
"""Loss ratio above which train rows count as memorised."""

FIXED_NAMES = ("train", "validation", "calibration", "test", "base", "gain", "out_of_fold", "seeds")
"""Keys of `metrics.json` with an NLL that are no further sets of rows."""


@dataclass(frozen=True)
class Finding:
    """One sentence about the model.

    Attributes:
        kind: strength, weakness or blind spot.
        subject: what it is about, such as `accuracy`, `slice` or `loss_ratio`.
        sentence: for a person, complete with its numbers; text of the data in Markdown code spans.
        numbers: the same numbers for a program.
    """

    kind: FindingKind
    subject: str
    sentence: str
    numbers: dict[str, Any]


def memorised(loss_ratio: float, out_of_fold: float | None = None) -> Iterator[Finding]:
    """A weakness where the validation loss is far above the train loss.

    Args:
        loss_ratio: validation over train.
        out_of_fold: validation over out-of-fold train, where cross-fitting gave it.
    """
    if out_of_fold is not None and out_of_fold > MEMORISED:
        yield Finding(
            "weakness",
            "loss_ratio_out_of_fold",
            f"Validation rows are harder than train rows: their loss is {out_of_fold:.2f} times that of "
            f"train rows that the model had not seen (healthy: up to {MEMORISED:g}).",
            {"loss_ratio_out_of_fold": out_of_fold, "healthy": MEMORISED},
        )
    if loss_ratio > MEMORISED:
        yield Finding(
            "weakness",
            "loss_ratio",
            f"Memorises train rows: validation loss is {loss_ratio:.2f} times train loss (healthy: up to "
            f"{MEMORISED:g}), so its probabilities on train rows tell a student little beyond the labels.",
            {"loss_ratio": loss_ratio, "healthy": MEMORISED},
        )


def further_sets(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and metrics of the measured sets beyond the four splits: the shifted ones.

    Args:
        metrics: content of `metrics.json`.
    """
    for name, measured in metrics.items():
        if name not in FIXED_NAMES and isinstance(measured, Mapping) and "nll" in measured:
            yield name, measured


def percent(share: float) -> str:
    """`93.1 %`."""
    return f"{100 * share:.1f} %"


def interval_text(interval: Interval) -> str:
    """`93.1 % (90.8–94.9)`."""
    return f"{percent(interval.value)} ({100 * interval.low:.1f}–{100 * interval.high:.1f})"


def p_text(p_value: float) -> str:
    """`0.0053`, or `< 0.0001`."""
    return f"{p_value:.2g}" if p_value >= 1e-4 else "< 0.0001"
