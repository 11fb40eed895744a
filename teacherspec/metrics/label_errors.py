"""Which labels are probably wrong: label quality scores and confident learning.

All functions need out-of-sample probabilities: a model agrees with the labels it was trained on.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.scores.validation import FloatArray, IntArray, label_values, probability_rows


@dataclass(frozen=True)
class LabelIssues:
    """Rows whose label is likely wrong, most suspicious first.

    Attributes:
        rows: `[I]` row indices.
        suggested: `[I]` the class that the model predicts instead.
        quality: `[I]` normalised margin of the given label, ascending.
    """

    rows: IntArray
    suggested: IntArray
    quality: FloatArray


def self_confidence(probs: npt.ArrayLike, labels: npt.ArrayLike) -> FloatArray:
    """Probability `[N]` of the given label (Kuan & Mueller 2022).

    Args:
        probs: `[N, C]`.
        labels: `[N]`.

    Raises:
        ValueError: wrong shapes, rows that are no distributions, or labels outside 0..C - 1.
    """
    p = probability_rows(probs)
    return p[np.arange(len(p)), label_values(labels, n_classes=p.shape[1], rows=len(p))]


def normalized_margin(probs: npt.ArrayLike, labels: npt.ArrayLike) -> FloatArray:
    """Label quality `[N]` in [0, 1]: (p_y - max_{k≠y} p_k + 1) / 2. Arguments, errors as `self_confidence`.

    With a single class the margin is p_y itself.
    """
    p = probability_rows(probs)
    own = self_confidence(p, labels)
    others = p.copy()
    others[np.arange(len(p)), np.asarray(labels)] = 0.0
    margin: FloatArray = own - others.max(axis=1)
    return (margin + 1.0) / 2.0


def label_issues(probs: npt.ArrayLike, labels: npt.ArrayLike) -> LabelIssues:
    """Likely label errors by confident learning (Northcutt, Jiang & Chuang 2021).

    A row counts as confidently of class k if p_k reaches the mean p_k of the rows labelled k; of several
    such classes the most probable. Rows confidently of another class than their label are listed.

    Args:
        probs: `[N, C]`, out of sample.
        labels: `[N]`.

    Raises:
        ValueError: as `self_confidence`.
    """
    p = probability_rows(probs)
    targets = label_values(labels, n_classes=p.shape[1], rows=len(p))
    support = np.bincount(targets, minlength=p.shape[1])
    own_sum = np.bincount(targets, weights=p[np.arange(len(p)), targets], minlength=p.shape[1])
    # A class without rows has no threshold to reach: nothing is suggested to belong to it.
    threshold = np.divide(own_sum, support, out=np.full(p.shape[1], np.inf), where=support > 0)
    confident = np.where(p >= threshold, p, -1.0)
    suggested = confident.argmax(axis=1)
    rows = np.flatnonzero((confident.max(axis=1) >= 0.0) & (suggested != targets))
    quality = normalized_margin(p, targets)[rows]
    order = np.lexsort((rows, quality))
    return LabelIssues(rows[order], suggested[rows][order], quality[order])
