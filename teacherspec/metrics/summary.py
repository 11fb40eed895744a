"""Every scalar measure of top-label confidences at the price of one sort."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.arrays import FloatArray, confidence_values, truth_values
from teacherspec.metrics.binning import BinSums, mass_edges, upper_edges
from teacherspec.metrics.calibration import debiased_squared_of, ece_of, mce_of, rmsce_of
from teacherspec.metrics.ranking import area_under_roc, group_ties, sort_confidences
from teacherspec.metrics.selective import expected_errors
from teacherspec.metrics.smooth import smooth_ece


@dataclass(frozen=True)
class TopLabelSummary:
    """Scalar measures of one set of predictions; each equals the function of the same name.

    Attributes:
        rows: N.
        accuracy: share of right predictions.
        mean_confidence: mean probability of the predicted label.
        certain: rows with confidence exactly 1.
        signed: mean confidence minus accuracy, positive when overconfident.
        ece: equal-width expected calibration error.
        ece_equal_mass: the same with equal-mass bins.
        noise_floor: expected `ece` of a perfectly calibrated model with these confidences.
        rmsce: root mean squared calibration error, equal width.
        mce: maximum calibration error, equal width.
        debiased_squared: debiased squared calibration error, equal width.
        smooth_ece: smooth calibration error.
        top_label_brier: mean (confidence - correct)².
        aurc: area under the risk-coverage curve.
        augrc: area under the generalised risk-coverage curve.
        correctness_auroc: AUROC of confidence for right against wrong; None if all are right or all wrong.
    """

    rows: int
    accuracy: float
    mean_confidence: float
    certain: int
    signed: float
    ece: float
    ece_equal_mass: float
    noise_floor: float
    rmsce: float
    mce: float
    debiased_squared: float
    smooth_ece: float
    top_label_brier: float
    aurc: float
    augrc: float
    correctness_auroc: float | None


def top_label_summary(
    confidences: npt.ArrayLike, correct: npt.ArrayLike, *, n_bins: int = 15
) -> TopLabelSummary:
    """All scalar measures of confidences `[N]` and hits `[N]`.

    Args:
        confidences: probability of the predicted label, in [0, 1].
        correct: whether the predicted label is right, 0 or 1.
        n_bins: M of the binned errors.

    Raises:
        ValueError: no rows, wrong shapes, or values out of range, naming the row.
    """
    values = confidence_values(confidences)
    values, truth = sort_confidences(values, truth_values(correct, rows=len(values)))
    rows, hits = len(values), int(truth.sum())
    width = _sums(values, truth, upper_edges(values, n_bins, "equal_width"))
    mass = _sums(values, truth, mass_edges(values, n_bins))
    squares = _segment_sums(values * values, values, upper_edges(values, n_bins, "equal_width"))
    mean = float(width.confidence.sum() / rows)
    groups = group_ties(values, truth)
    errors = expected_errors(groups)
    return TopLabelSummary(
        rows=rows,
        accuracy=hits / rows,
        mean_confidence=mean,
        certain=rows - int(np.searchsorted(values, 1.0, side="left")),
        signed=mean - hits / rows,
        ece=ece_of(width),
        ece_equal_mass=ece_of(mass),
        noise_floor=float(np.sqrt(2.0 * (width.confidence - squares) / np.pi).sum() / rows),
        rmsce=rmsce_of(width),
        mce=mce_of(width),
        debiased_squared=debiased_squared_of(width),
        smooth_ece=smooth_ece(values, truth),
        top_label_brier=float((squares.sum() - 2.0 * values[truth].sum() + hits) / rows),
        aurc=float((errors / np.arange(1, rows + 1)).mean()),
        augrc=float(errors.mean() / rows),
        correctness_auroc=area_under_roc(groups) if 0 < hits < rows else None,
    )


def _segment_sums(terms: npt.NDArray[np.generic], ascending: FloatArray, edges: FloatArray) -> FloatArray:
    """Sums of `terms` `[N]` over the bins of sorted confidences; 0 in an empty bin."""
    ends = np.searchsorted(ascending, edges, side="right")
    total = [terms[start:end].sum() for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return np.asarray(total, dtype=np.float64)


def _sums(ascending: FloatArray, truth: npt.NDArray[np.bool_], edges: FloatArray) -> BinSums:
    ends = np.searchsorted(ascending, edges, side="right")
    return BinSums(
        count=np.diff(ends, prepend=0).astype(np.int64, copy=False),
        confidence=_segment_sums(ascending, ascending, edges),
        correct=_segment_sums(truth, ascending, edges).astype(np.int64),
    )
