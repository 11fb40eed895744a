"""Every scalar measure of top-label confidences from one sort and cumulative sums."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.binning import BinSums, equal_mass_edges, upper_edges
from teacherspec.metrics.calibration import debiased_squared_of, ece_of, mce_of, rmsce_of
from teacherspec.metrics.ranking import area_under_roc, group_ties, sort_confidences
from teacherspec.metrics.scores.validation import FloatArray, IntArray, confidence_values, truth_values
from teacherspec.metrics.selective_prediction import expected_errors
from teacherspec.metrics.smooth_ece import cell_centres, smooth_ece_of


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
    """All scalar measures of confidences `[N]` and hits `[N]`, from one sort.

    Args:
        confidences: probability of the predicted label, in [0, 1].
        correct: whether the predicted label is right, 0 or 1.
        n_bins: M of the binned errors.

    Raises:
        ValueError: no rows, wrong shapes, or values out of range, naming the row.
    """
    values = confidence_values(confidences)
    ascending, truth = sort_confidences(values, truth_values(correct, rows=len(values)))
    rows, hits = len(ascending), int(truth.sum())
    sums = _CumulativeSums(ascending, truth)
    width = sums.ranks(upper_edges(ascending, n_bins, "equal_width"))
    mass = sums.ranks(equal_mass_edges(ascending, n_bins))
    gaps = np.append(sums.ranks(cell_centres()), rows)
    bins = sums.bins(width)
    groups = group_ties(ascending, truth)
    errors = expected_errors(groups)
    mean = float(sums.confidence[-1] / rows)
    variance = sums.between(sums.confidence, width) - sums.between(sums.square, width)
    return TopLabelSummary(
        rows=rows,
        accuracy=hits / rows,
        mean_confidence=mean,
        certain=rows - int(np.searchsorted(ascending, 1.0)),
        signed=mean - hits / rows,
        ece=ece_of(bins),
        ece_equal_mass=ece_of(sums.bins(mass)),
        # Rounding can make a variance that is 0 negative.
        noise_floor=float(np.sqrt(2.0 / np.pi * np.maximum(variance, 0.0)).sum() / rows),
        rmsce=rmsce_of(bins),
        mce=mce_of(bins),
        debiased_squared=debiased_squared_of(bins),
        smooth_ece=smooth_ece_of(
            sums.between(sums.hits, gaps) - sums.between(sums.confidence, gaps),
            sums.between(sums.product, gaps) - sums.between(sums.square, gaps),
            rows,
        ),
        top_label_brier=float((sums.square[-1] - 2.0 * sums.product[-1] + hits) / rows),
        aurc=float((errors / np.arange(1, rows + 1)).mean()),
        augrc=float(errors.mean() / rows),
        correctness_auroc=area_under_roc(groups) if 0 < hits < rows else None,
    )


class _CumulativeSums:
    """Sums over the first 0, 1, ..., N rows in ascending order of confidence c, with hits a, each `[N + 1]`.

    Attributes:
        confidence: Σ c.
        square: Σ c².
        hits: Σ a.
        product: Σ a c.
    """

    def __init__(self, ascending: FloatArray, truth: npt.NDArray[np.bool_]) -> None:
        self.ascending = ascending
        columns = (ascending, ascending * ascending, truth.astype(np.float64), ascending * truth)
        self.confidence, self.square, self.hits, self.product = (
            np.concatenate([[0.0], np.cumsum(column)]) for column in columns
        )

    def ranks(self, edges: FloatArray) -> IntArray:
        """Number of rows `[M]` with confidence at most each edge."""
        return np.searchsorted(self.ascending, edges, side="right").astype(np.int64, copy=False)

    def between(self, cumulative: FloatArray, ends: IntArray) -> FloatArray:
        """Sums `[M]` over the bins that end at the ranks `ends` `[M]`."""
        sums: FloatArray = np.diff(cumulative[ends], prepend=0.0)
        return sums

    def bins(self, ends: IntArray) -> BinSums:
        """Sums over the bins that end at the ranks `ends` `[M]`."""
        return BinSums(
            count=np.diff(ends, prepend=0),
            confidence=self.between(self.confidence, ends),
            correct=self.between(self.hits, ends).astype(np.int64),
        )
