"""The predictions of two classifiers for the same rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from teacherspec.calibrators.fitted import apply
from teacherspec.compare.paired_predictions import TOO_FEW, SideArtifacts, Sides
from teacherspec.metrics.scores.softmax import log_softmax, top_label
from teacherspec.metrics.scores.validation import FloatArray, IntArray
from teacherspec.predictions.classification import NO_LABEL, load_predictions

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True)
class ClassPredictions:
    """The predictions of one teacher for N rows.

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
        """Whether the predicted label is the given one, `[N]`."""
        correct: npt.NDArray[np.bool_] = self.predicted == self.labels
        return correct

    def predicted_label(self, row: int) -> tuple[str, float]:
        """Predicted label of a row, and its calibrated probability."""
        label = int(self.predicted[row])
        return self.label_names[label], float(np.exp(self.calibrated[row, label]))

    def select(self, rows: Sequence[int]) -> "ClassPredictions":
        """The predictions for some of the rows, in the given order."""
        chosen = np.asarray(rows, dtype=np.int64)
        return ClassPredictions(
            self.label_names, self.labels[chosen], self.logits[chosen], self.calibrated[chosen]
        )


@dataclass(frozen=True)
class PairedRows:
    """The rows of one split that both teachers predicted, with the same label and content.

    Attributes:
        split: its name.
        role: `test`, `shifted` or `ood`.
        ids: of the N common rows.
        labels: names of their labels; empty where a row has no class.
        before: predictions of the base revision.
        after: predictions of the head revision.
        left_out: number of rows that only one side has, or that have another label or content.
    """

    split: str
    role: str
    ids: tuple[str, ...]
    labels: tuple[str, ...]
    before: ClassPredictions
    after: ClassPredictions
    left_out: int

    def __len__(self) -> int:
        return len(self.ids)


def pair_rows(sides: Sides, not_compared: list[str]) -> tuple[PairedRows, ...]:
    """The predictions of both sides for the same rows, of every split that both have.

    Args:
        sides: whose predictions are logits of classes.
        not_compared: gets a sentence for each split that cannot be paired.
    """
    paired = []
    for role, name in sides.splits():
        before, after = (_predictions(side, name) for side in sides.both)
        found = _common(name, role, before, after, sides.edited)
        if found is None:
            not_compared.append(TOO_FEW.format(name))
        else:
            paired.append(found)
    return tuple(paired)


def _predictions(side: SideArtifacts, split: str) -> tuple[tuple[str, ...], ClassPredictions]:
    found = load_predictions(side.predictions, split)
    logits = found.logits.astype(np.float64)
    labels = found.labels.astype(np.int64)
    calibrated = apply(side.calibrator, logits)
    return tuple(found.ids), ClassPredictions(side.index.label_names, labels, logits, calibrated)


def _common(
    split: str,
    role: str,
    before: tuple[tuple[str, ...], ClassPredictions],
    after: tuple[tuple[str, ...], ClassPredictions],
    edited: Collection[str],
) -> PairedRows | None:
    positions = [
        {
            (name, predictions.label_names[label] if label != NO_LABEL else ""): position
            for position, (name, label) in enumerate(zip(ids, predictions.labels.tolist(), strict=True))
        }
        for ids, predictions in (before, after)
    ]
    common = sorted(key for key in positions[0].keys() & positions[1].keys() if key[0] not in edited)
    if len(common) < 2:
        return None
    return PairedRows(
        split=split,
        role=role,
        ids=tuple(name for name, _ in common),
        labels=tuple(label for _, label in common),
        before=before[1].select([positions[0][key] for key in common]),
        after=after[1].select([positions[1][key] for key in common]),
        left_out=len({name for side in positions for name, _ in side} - {name for name, _ in common}),
    )
