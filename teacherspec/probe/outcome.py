"""What the training of a student's arms gives: scores of every row, for each budget, seed and epoch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.rank_surprisal import RankSurprisal
from teacherspec.probe.arms import Arm

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RowScores:
    """Scores of N rows of one set by every arm, at K epochs of S trainings.

    Attributes:
        score: `[S, K, A, N]`, more is better, such as 1 where the prediction is right, 0 where it is wrong.
        nll: `[S, K, A, N]` nats, of the label.
        confidence: `[S, K, A, N]`, probability of the prediction; None where a row is no single prediction.
        further: name → `[S, K, A, N]`, other scores whose means are reported.
    """

    score: Float32
    nll: Float32
    confidence: Float32 | None = None
    further: Mapping[str, Float32] = field(default_factory=dict)

    def mapped(self, function: Callable[[Float32], Float32]) -> "RowScores":
        """With every array as `function` gives it."""
        return RowScores(
            function(self.score),
            function(self.nll),
            None if self.confidence is None else function(self.confidence),
            {name: function(values) for name, values in self.further.items()},
        )

    @staticmethod
    def joined(parts: "Sequence[RowScores]", axis: int) -> "RowScores":
        """Of several seeds (axis 0), epochs (axis 1) or parts of the rows (axis 3)."""
        first, confidences = parts[0], [one.confidence for one in parts if one.confidence is not None]
        return RowScores(
            np.concatenate([one.score for one in parts], axis),
            np.concatenate([one.nll for one in parts], axis),
            np.concatenate(confidences, axis) if confidences else None,
            {name: np.concatenate([one.further[name] for one in parts], axis) for name in first.further},
        )


@dataclass(frozen=True)
class ScoredSet:
    """A set of rows that students are scored on.

    Attributes:
        name: of the split, or `choice` for the rows by which epoch and arm are chosen.
        ids: `[N]`.
        teacher: `[N]`, the teacher's own score.
    """

    name: str
    ids: Sequence[str]
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
        score: name of the score, such as `accuracy`.
        parameters: of the student, one arm.
        arms: `[A]`.
        choice: the rows by which epoch and arm are chosen.
        reported: test, then each shifted set.
        budgets: one training a budget, ascending; the last is the headline.
        unlabelled: train rows without a label, taught by soft targets only.
        rank_surprisal: of the teacher's answers under a student that is a language model before training.
    """

    name: str
    score: str
    parameters: int
    arms: Sequence[Arm]
    choice: ScoredSet
    reported: Sequence[ScoredSet]
    budgets: Sequence[Trained]
    unlabelled: int
    rank_surprisal: RankSurprisal | None = None
