"""When a classifier abstains: the lowest score above which its error rate keeps a declared risk.

Learn-then-Test (Angelopoulos et al. 2021, arXiv 2110.01052) with fixed-sequence testing from several starts
(their section 3.2): each threshold stands for the hypothesis that predictions with at least this score are
wrong more often than the risk. With a declared probability over the choice of the calibration rows, the
error rate among accepted rows of the same distribution is at most the risk.

The score is the log-odds of the predicted label *before* calibration, and the thresholds are scores of the
validation split: a calibrator was fitted on the calibration rows, and thresholds taken from them would depend
on their labels.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.ood import confidence_log_odds
from teacherspec.metrics.scores.intervals import wilson_interval
from teacherspec.metrics.scores.softmax import top_label
from teacherspec.metrics.scores.validation import FloatArray, label_values, logit_rows

SCORE = "log-odds of the predicted label before calibration"

STEPS = 100
"""Thresholds at most, at equal steps of the share of validation rows that they accept."""

STARTS = 5
"""Sequences of tests; they start where a fifth, two fifths, … of the validation rows are accepted, and each
has an equal share of the allowed error of the guarantee."""


PRECISION = 1e6
"""Thresholds are multiples of its inverse, so that reports show them as they are applied."""


@dataclass(frozen=True)
class Accepted:
    """Predictions at or above a threshold.

    Attributes:
        rows: number of all rows.
        accepted: number of rows at or above it.
        errors: number of wrong predictions among these.
    """

    rows: int
    accepted: int
    errors: int

    def measures(self, confidence: float) -> dict[str, object]:
        """`coverage`, and `risk` with its Wilson interval; no risk where nothing was accepted."""
        found: dict[str, object] = {"coverage": self.accepted / self.rows}
        if self.accepted:
            found["risk"] = vars(wilson_interval(self.errors, self.accepted, confidence=confidence))
        return found


def accept(logits: npt.ArrayLike, labels: npt.ArrayLike, threshold: float) -> Accepted:
    """Count rows of logits `[N, C]` and labels `[N]` whose score is at least the threshold, and their errors.

    Raises:
        ValueError: wrong shapes, or values out of range, naming the row.
    """
    array = logit_rows(logits)
    targets = label_values(labels, n_classes=array.shape[1], rows=len(array))
    kept = confidence_log_odds(array) >= threshold
    return Accepted(len(array), int(kept.sum()), int((top_label(array) != targets)[kept].sum()))


def thresholds(scores: FloatArray) -> FloatArray:
    """At most `STEPS` thresholds, descending, from scores `[N]` of rows that are not tested on."""
    ranked = np.unique(np.floor(scores * PRECISION) / PRECISION)[::-1]
    places = np.unique((np.arange(1, STEPS + 1) * len(ranked) - 1) // STEPS)
    steps: FloatArray = ranked[places]
    return steps


def abstention_threshold(
    logits: npt.ArrayLike, labels: npt.ArrayLike, steps: FloatArray, *, risk: float, guarantee: float
) -> float | None:
    """The lowest threshold that is proven to keep the risk; None where these rows prove none.

    Args:
        logits: `[N, C]` of the calibration split, before any temperature.
        labels: `[N]`.
        steps: thresholds in descending order, independent of these rows.
        risk: largest error rate among accepted rows.
        guarantee: probability of keeping it, over the choice of these rows.

    Raises:
        ValueError: wrong shapes, or values out of range, naming the row.
    """
    from scipy.stats import binom  # here, because importing it takes a second

    counts = [accept(logits, labels, float(step)) for step in steps]
    # P(as few errors | error rate = risk): the p-value of the hypothesis that the rate is above it.
    rejected = [
        float(binom.cdf(one.errors, one.accepted, risk)) <= (1.0 - guarantee) / STARTS for one in counts
    ]
    starts = {(start * len(steps)) // STARTS for start in range(1, STARTS + 1)}
    ends = [_end(rejected, max(0, start - 1)) for start in starts]
    lowest = max(ends, default=-1)
    return None if lowest < 0 else float(steps[lowest])


def _end(rejected: list[bool], start: int) -> int:
    """Place of the last rejected hypothesis in an unbroken run from `start`; -1 without any."""
    stop = next((place for place in range(start, len(rejected)) if not rejected[place]), len(rejected))
    return stop - 1 if stop > start else -1
