"""Ranks of candidates with their intervals, and which candidate is taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from teacherspec.base.candidates.scores import Score

LEVEL = 0.95


@dataclass(frozen=True)
class Rank:
    """The rank of a candidate, 1 the best, equal values sharing their mean rank.

    Attributes:
        value: on the rows as they are.
        low: lower end of its 95 % interval over resampled rows.
        high: upper end.
    """

    value: float
    low: float
    high: float


def ranks(scores: Mapping[str, Score]) -> dict[str, Rank]:
    """Name → rank by one score, with the interval of the rank over resampled rows (percentiles).

    The resamples are shared between candidates, so that what all find hard moves no rank.
    """
    signs = {name: -1.0 if score.higher_is_better else 1.0 for name, score in scores.items()}
    observed = rankdata([signs[name] * score.value for name, score in scores.items()])
    resampled = rankdata([signs[name] * score.draws.resampled for name, score in scores.items()], axis=0)
    low, high = np.quantile(resampled, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2], axis=1, method="nearest")
    found = zip(scores, observed.tolist(), low.tolist(), high.tolist(), strict=True)
    return {name: Rank(*numbers) for name, *numbers in found}


def possibly_best(ranked: Mapping[str, Rank]) -> list[str]:
    """The candidate that ranks first, and those whose interval holds its rank, best first.

    One name means that the ranking is decided; several that these rows cannot rank them. Two intervals may
    overlap although the better of two candidates is known, so their overlap decides nothing.
    """
    order = sorted(ranked, key=lambda name: (ranked[name].value, ranked[name].low))
    first = ranked[order[0]]
    return [name for name in order if ranked[name].low <= first.value]


def choose(
    best: Sequence[str], parameters: Mapping[str, int], undecided: Literal["smallest", "first"]
) -> str:
    """The candidate that is taken.

    Args:
        best: the candidates that may be the best, the first of the ranking first.
        parameters: of each candidate.
        undecided: `params.yaml: base.choice.undecided`; among equally small ones the better ranked is taken.
    """
    if undecided == "first":
        return best[0]
    return min(best, key=lambda name: parameters[name])
