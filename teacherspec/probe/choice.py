"""Which epoch of each arm and which arm are best on the rows that choose; test rows are not looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.probe.outcome import Outcome, RowScores, Trained

CHOICE = "choice"
"""Name of the set of rows that choose."""


@dataclass(frozen=True)
class Chosen:
    """What the rows that choose prefer.

    Attributes:
        epochs: budget → `[A]` place of the best epoch of each arm.
        recommended: place of the arm with soft targets of the row that is best on the last budget.
    """

    epochs: Sequence[npt.NDArray[np.intp]]
    recommended: int


def choose(outcome: Outcome) -> Chosen:
    """The best epoch of each arm on each budget, and the best arm with the teacher's probabilities."""
    epochs = [_best_epochs(trained.sets[CHOICE]) for trained in outcome.budgets]
    at_best = at_epochs(outcome.budgets[-1], CHOICE, epochs[-1])
    order = sorted(
        (place for place, arm in enumerate(outcome.arms) if arm.is_candidate),
        key=lambda place: (*_rank(at_best.score[:, 0, place], at_best.nll[:, 0, place]), place),
    )
    return Chosen(epochs, order[0])


def at_epochs(trained: Trained, name: str, epochs: npt.NDArray[np.intp]) -> RowScores:
    """Scores `[S, 1, A, N]` of the set `name`, each arm at its own epoch `[A]`."""
    arms = np.arange(len(epochs))

    def chosen(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        # Two index arrays around no slice keep their place: [S, A, N].
        return values[:, epochs, arms][:, None]

    return trained.sets[name].mapped(chosen)


def _best_epochs(scores: RowScores) -> npt.NDArray[np.intp]:
    epochs, arms = scores.score.shape[1:3]
    best = [
        min(
            range(epochs),
            key=lambda at, arm=arm: (*_rank(scores.score[:, at, arm], scores.nll[:, at, arm]), at),  # type: ignore[misc]
        )
        for arm in range(arms)
    ]
    return np.asarray(best, np.intp)


def _rank(score: npt.NDArray[np.float32], nll: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Sort key, the best first: highest mean score, then lowest NLL."""
    return -round(float(score.mean(dtype=np.float64)), 9), round(float(nll.mean(dtype=np.float64)), 9)
