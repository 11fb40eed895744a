"""What the training of a student's arms gives: scores of every row, for each budget, seed and epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.probe.arms import Arm

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RowScores:
    """Scores of N rows of one set by every arm, at K epochs of S trainings.

    Attributes:
        score: `[S, K, A, N]`, more is better: 1 where the prediction is right, 0 where it is wrong.
        nll: `[S, K, A, N]` nats, of the label.
        confidence: `[S, K, A, N]`, probability of the prediction.
    """

    score: Float32
    nll: Float32
    confidence: Float32

    @staticmethod
    def joined(parts: "Sequence[RowScores]", axis: int) -> "RowScores":
        """Of several seeds (axis 0), epochs (axis 1) or parts of the rows (axis 3)."""
        return RowScores(
            np.concatenate([one.score for one in parts], axis),
            np.concatenate([one.nll for one in parts], axis),
            np.concatenate([one.confidence for one in parts], axis),
        )


@dataclass(frozen=True)
class ScoredSet:
    """A set of rows that students are scored on.

    Attributes:
        name: of the split, or `choice` for the rows by which epoch and arm are chosen.
        ids: `[N]`.
        labels: `[N]`.
        teacher: `[N]`, the teacher's own score.
    """

    name: str
    ids: Sequence[str]
    labels: npt.NDArray[np.int64]
    teacher: Float32


@dataclass(frozen=True)
class Trained:
    """All arms of a student on one budget.

    Attributes:
        rows: train rows of the budget, without those that have no label.
        epochs: `[K]` epochs after which students were scored.
        sets: name → scores.
    """

    rows: int
    epochs: Sequence[int]
    sets: Mapping[str, RowScores]


@dataclass(frozen=True)
class Outcome:
    """One student.

    Attributes:
        name: of the student, as reports show it.
        parameters: of the student, one arm.
        arms: `[A]`.
        choice: the rows by which epoch and arm are chosen.
        reported: test, then each shifted set.
        budgets: one training a budget, ascending; the last is the headline.
        unlabelled: train rows without a label, taught by soft targets only.
    """

    name: str
    parameters: int
    arms: Sequence[Arm]
    choice: ScoredSet
    reported: Sequence[ScoredSet]
    budgets: Sequence[Trained]
    unlabelled: int
