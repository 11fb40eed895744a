"""Calibrators of the predicted class's confidence alone: isotonic regression and histogram binning.

Both estimate shares from few rows, and a share of exactly 0 or 1 would make the likelihood of the other
outcome zero. Every value therefore stays inside [1/(n + 2), (n + 1)/(n + 2)], Laplace's estimates for n
rows of one kind.
"""

import numpy as np
import numpy.typing as npt

from teacherspec.calibrators.fitted import Histogram, Isotonic
from teacherspec.metrics.binning import bin_sums, upper_edges
from teacherspec.metrics.calibration import top_label_confidence
from teacherspec.metrics.ranking import group_ties, sort_confidences
from teacherspec.metrics.scores.softmax import softmax


def fit_isotonic(logits: npt.ArrayLike, labels: npt.ArrayLike) -> Isotonic:
    """Rising curve of accuracy over confidence (Zadrozny & Elkan 2002), centred (Oron & Flournoy 2017).

    Each level of the regression becomes one knot at the mean confidence of its rows, and the curve is
    linear between knots, so that it rises wherever the data do.

    Args:
        logits: `[N, C]`, before any temperature.
        labels: `[N]`.

    Raises:
        ValueError: wrong shapes, or values out of range, naming the row.
    """
    groups = group_ties(*sort_confidences(*top_label_confidence(softmax(logits), labels)))
    from scipy.optimize import isotonic_regression

    rate = isotonic_regression(groups.positive / groups.count, weights=groups.count)
    starts = rate.blocks[:-1]
    rows = np.add.reduceat(groups.count, starts)
    knots = np.add.reduceat(groups.score * groups.count, starts) / rows
    values = _away_from_certainty(rate.x[starts], int(rows.sum()))
    return Isotonic(knots=tuple(np.clip(knots, 0.0, 1.0).tolist()), values=tuple(values.tolist()))


def fit_histogram(logits: npt.ArrayLike, labels: npt.ArrayLike, *, n_bins: int = 15) -> Histogram:
    """Accuracy of each equal-mass bin of confidences. Arguments and errors as `fit_isotonic`.

    Args:
        logits: `[N, C]`, before any temperature.
        labels: `[N]`.
        n_bins: bins at most; ties are never split.
    """
    confidences, correct = top_label_confidence(softmax(logits), labels)
    edges = upper_edges(confidences, n_bins, "equal_mass")
    sums = bin_sums(confidences, correct, n_bins=n_bins, binning="equal_mass")
    values = (sums.correct + 1.0) / (sums.count + 2.0)
    return Histogram(upper_edges=tuple(edges.tolist()), values=tuple(values.tolist()))


def _away_from_certainty(share: npt.NDArray[np.float64], rows: int) -> npt.NDArray[np.float64]:
    return np.clip(share, 1.0 / (rows + 2.0), (rows + 1.0) / (rows + 2.0))
