"""Selective prediction: what the error rate would be if only the most confident answers were given."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.ranking import TieGroups, area_under_roc, group_ties, sort_confidences
from teacherspec.metrics.scores.validation import FloatArray, confidence_values, truth_values


@dataclass(frozen=True)
class RiskCoverage:
    """Risk at every coverage, k = 1..N most confident rows answered.

    Attributes:
        coverage: `[N]`, k / N.
        risk: `[N]`, expected error rate among those k; rows tied in confidence enter in random order.
    """

    coverage: FloatArray
    risk: FloatArray


def _groups(confidences: npt.ArrayLike, correct: npt.ArrayLike) -> TieGroups:
    values = confidence_values(confidences)
    return group_ties(*sort_confidences(values, truth_values(correct, rows=len(values))))


def expected_errors(groups: TieGroups) -> FloatArray:
    """Expected number of errors `[N]` among the k most confident rows, k = 1..N."""
    rate = (groups.count - groups.positive) / groups.count
    return np.cumsum(np.repeat(rate[::-1], groups.count[::-1]))


def risk_coverage(confidences: npt.ArrayLike, correct: npt.ArrayLike) -> RiskCoverage:
    """Risk-coverage curve (El-Yaniv & Wiener 2010).

    Args:
        confidences: `[N]`, in [0, 1].
        correct: `[N]`, 0 or 1.

    Raises:
        ValueError: no rows, wrong shapes, or values out of range, naming the row.
    """
    errors = expected_errors(_groups(confidences, correct))
    taken = np.arange(1, len(errors) + 1)
    return RiskCoverage(coverage=taken / len(errors), risk=errors / taken)


def aurc(confidences: npt.ArrayLike, correct: npt.ArrayLike) -> float:
    """Area under the risk-coverage curve: mean risk over k = 1..N (Geifman & El-Yaniv 2017).

    Arguments and errors as `risk_coverage`.
    """
    return float(risk_coverage(confidences, correct).risk.mean())


def augrc(confidences: npt.ArrayLike, correct: npt.ArrayLike) -> float:
    """Area under the generalised risk-coverage curve: mean over k of errors among the top k / N.

    The better single number (Traub et al. 2024): the average risk of undetected failures. Arguments and
    errors as `risk_coverage`.
    """
    errors = expected_errors(_groups(confidences, correct))
    return float(errors.mean() / len(errors))


def correctness_auroc(confidences: npt.ArrayLike, correct: npt.ArrayLike) -> float:
    """AUROC of confidence for telling right predictions (positive) from wrong ones.

    Arguments as `risk_coverage`.

    Raises:
        ValueError: as `risk_coverage`, or all rows right or all wrong: undefined.
    """
    return area_under_roc(_groups(confidences, correct))
