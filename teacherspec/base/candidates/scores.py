"""What a candidate is ranked by: a value, and the same on resamples of the rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.base.probe_sampling import SEED
from teacherspec.metrics.scores.intervals import BootstrapDraws, bootstrap
from teacherspec.metrics.scores.validation import IntArray

ROW_RESAMPLES = 1000
"""Resamples of a score that is a mean over rows."""

HALF_SAMPLES = 100
"""Resamples of a score that is computed anew on each."""


@dataclass(frozen=True)
class Score:
    """A score of one candidate.

    Attributes:
        draws: on the rows as they are and on resamples. All candidates are measured on the same rows, and so
            on the same resamples, which pairs them.
        higher_is_better: whether a better base has a higher value.
    """

    draws: BootstrapDraws
    higher_is_better: bool

    @property
    def value(self) -> float:
        """On the rows as they are."""
        return float(self.draws.observed)


Scores = Mapping[str, Score]
"""Name in `base.choice.rank_by` → score."""


def mean_over_rows(sums: npt.ArrayLike, counts: npt.ArrayLike, *, higher_is_better: bool) -> Score:
    """A score that is a mean over units of rows: over the rows themselves, or their bytes.

    Args:
        sums: `[N]`, summed over the units of each row.
        counts: `[N]` units of each row.
        higher_is_better: whether a better base has a higher mean.
    """
    totals, units = np.asarray(sums, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    draws = bootstrap(
        lambda rows: totals[rows].sum() / units[rows].sum(), len(totals), n_resamples=ROW_RESAMPLES, seed=SEED
    )
    return Score(draws, higher_is_better)


def over_half_samples(statistic: Callable[[IntArray], float], rows: int) -> Score:
    """A score that is no mean over rows, the higher the better.

    Such a score takes a row that a bootstrap draws twice for two, and is another with fewer rows. Halves
    drawn without replacement vary as much as the whole does between samples of rows (delete-half jackknife,
    Shao and Wu 1989); their differences to their mean are put around the value on all rows.

    Args:
        statistic: from row indices to the score.
        rows: N, at least 2.
    """
    generator = np.random.default_rng(SEED)
    observed = statistic(np.arange(rows))
    halves = (generator.choice(rows, size=rows // 2, replace=False) for _ in range(HALF_SAMPLES))
    drawn = np.array([statistic(np.sort(half)) for half in halves])
    return Score(BootstrapDraws(np.asarray(observed), observed + drawn - drawn.mean()), higher_is_better=True)
