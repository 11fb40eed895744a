"""How well the texts of a teacher suit a student before it learns: rank-surprisal ratio (RSR).

Source: "Which Reasoning Trajectories Teach Students to Reason Better?" (2601.14249). Low is good: tokens that
surprise the student and that it still ranks high.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from teacherspec.metrics.scores.intervals import Interval

HIGHEST_RANK = 100
"""Ranks beyond it count as this one, as in the paper's code: a single odd token would outweigh all others."""


@dataclass(frozen=True)
class RankSurprisal:
    """Of N texts under a student.

    Attributes:
        ratio: mean rank over mean surprisal; texts weigh the same.
        rank: mean over texts of the mean rank of their tokens, from 1.
        surprisal: the same of their NLL, nats.
        answers: N.
    """

    ratio: Interval
    rank: float
    surprisal: float
    answers: int


def rank_surprisal(
    ranks: npt.NDArray[np.int64],
    nll: npt.NDArray[np.float64],
    text: npt.NDArray[np.int64],
    *,
    confidence: float = 0.95,
) -> RankSurprisal:
    """The ratio of two means over texts, with the interval of the delta method (Student's t, N - 1).

    Args:
        ranks: `[T]` of each token among all, from 1.
        nll: `[T]` nats.
        text: `[T]` the text that each token belongs to, from 0, each with a token.
        confidence: level of the interval.

    Raises:
        ValueError: there are fewer than two texts, or the student is surprised by none.
    """
    tokens = np.bincount(text)
    rank, surprisal = (
        np.bincount(text, weights=values) / tokens for values in (np.minimum(ranks, HIGHEST_RANK), nll)
    )
    texts, mean = len(tokens), float(surprisal.mean())
    if texts < 2 or not mean > 0:
        raise ValueError(
            f"rank-surprisal ratio: given {texts} texts of mean surprisal {mean:g}; needed: 2, above 0"
        )
    ratio = float(rank.mean()) / mean
    error = float((rank - ratio * surprisal).std(ddof=1)) / mean / np.sqrt(texts)
    half = float(stats.t.ppf((1 + confidence) / 2, texts - 1)) * error
    return RankSurprisal(Interval(ratio, ratio - half, ratio + half), float(rank.mean()), mean, texts)
