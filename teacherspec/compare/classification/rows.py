"""The same rows put into classes by two teachers: what their paired tests start from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from teacherspec.calibrators.fitted import apply
from teacherspec.compare.paired_predictions import TOO_FEW, Evaluated, Sides
from teacherspec.metrics.softmax import log_softmax, top_label
from teacherspec.metrics.validation import FloatArray, IntArray
from teacherspec.predictions.classification import NO_LABEL, load_predictions

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class Answers:
    """What one teacher says to N rows.

    Attributes:
        label_names: C names, in the order of the logits.
        labels: `[N]` indices into them, -1 for rows of no class.
        logits: `[N, C]`, raw.
        calibrated: `[N, C]` log-probabilities after calibration.
    """

    label_names: tuple[str, ...]
    labels: IntArray
    logits: FloatArray
    calibrated: FloatArray

    @cached_property
    def log_probs(self) -> FloatArray:
        """`[N, C]` before calibration."""
        return log_softmax(self.logits)

    @cached_property
    def predicted(self) -> IntArray:
        """Predicted labels `[N]`, before calibration."""
        return top_label(self.logits)

    @cached_property
    def correct(self) -> "npt.NDArray[np.bool_]":
        """Whether the predicted label is the given one `[N]`."""
        correct: npt.NDArray[np.bool_] = self.predicted == self.labels
        return correct

    def answer(self, row: int) -> tuple[str, float]:
        """Predicted label of a row, and its calibrated probability."""
        guess = int(self.predicted[row])
        return self.label_names[guess], float(np.exp(self.calibrated[row, guess]))

    def take(self, rows: Sequence[int]) -> "Answers":
        """The answers to some of the rows, in the given order."""
        chosen = np.asarray(rows, dtype=np.int64)
        return Answers(self.label_names, self.labels[chosen], self.logits[chosen], self.calibrated[chosen])


@dataclass(frozen=True)
class PairedRows:
    """The rows of one split that both teachers answered, with the same label and content.

    Attributes:
        split: its name.
        role: `test`, `shifted` or `ood`.
        ids: of the N common rows.
        labels: their label names; empty texts where a row has no class.
        before: answers of the teacher of the base revision.
        after: answers of the other.
        left_out: rows of either side that the other lacks, or has with another label or content.
    """

    split: str
    role: str
    ids: tuple[str, ...]
    labels: tuple[str, ...]
    before: Answers
    after: Answers
    left_out: int

    def __len__(self) -> int:
        return len(self.ids)


def pair_rows(sides: Sides, missing: list[str]) -> tuple[PairedRows, ...]:
    """Lay the answers of both sides to the same rows beside each other.

    Args:
        sides: whose predictions are logits of classes.
        missing: gets a sentence for each split that cannot be paired.
    """
    paired = []
    for role, name in sides.splits():
        before, after = (_answers(side, name) for side in sides.both)
        found = _common(name, role, before, after, sides.edited)
        if found is None:
            missing.append(TOO_FEW.format(name))
        else:
            paired.append(found)
    return tuple(paired)


def _answers(side: Evaluated, split: str) -> tuple[tuple[str, ...], Answers]:
    found = load_predictions(side.predictions, split)
    logits = found.logits.astype(np.float64)
    labels = found.labels.astype(np.int64)
    return tuple(found.ids), Answers(side.index.label_names, labels, logits, apply(side.calibrator, logits))


def _common(
    split: str,
    role: str,
    before: tuple[tuple[str, ...], Answers],
    after: tuple[tuple[str, ...], Answers],
    edited: Collection[str],
) -> PairedRows | None:
    places = [
        {
            (name, answers.label_names[label] if label != NO_LABEL else ""): place
            for place, (name, label) in enumerate(zip(ids, answers.labels.tolist(), strict=True))
        }
        for ids, answers in (before, after)
    ]
    common = sorted(key for key in places[0].keys() & places[1].keys() if key[0] not in edited)
    if len(common) < 2:
        return None
    return PairedRows(
        split=split,
        role=role,
        ids=tuple(name for name, _ in common),
        labels=tuple(label for _, label in common),
        before=before[1].take([places[0][key] for key in common]),
        after=after[1].take([places[1][key] for key in common]),
        left_out=len({name for place in places for name, _ in place} - {name for name, _ in common}),
    )
