"""Every scalar measure of top-label confidences at the price of little more than one sort."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from teacherspec.metrics.arrays import FloatArray, IntArray, confidence_values, truth_values
from teacherspec.metrics.binning import BinSums, mass_ranks, upper_edges
from teacherspec.metrics.calibration import debiased_squared_of, ece_of, mce_of, rmsce_of
from teacherspec.metrics.ranking import pack, sorted_keys, unpack
from teacherspec.metrics.smooth import cell_centres, smooth_ece_of

BLOCK = 1 << 13
"""Rows worked on at once: what is made of them stays in the caches of one core."""

Keys = npt.NDArray[np.uint64]


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
    width_edges = upper_edges(values, n_bins, "equal_width")
    keys = sorted_keys(values, truth_values(correct, rows=len(values)))
    rows = len(keys)
    # Ranks at which each kind of bin ends; together they cut the rows into segments that serve them all.
    ends = {
        "width": _ranks(keys, width_edges),
        "mass": np.append(_ranks(keys, unpack(keys[mass_ranks(rows, n_bins) - 1])[0]), rows),
        "gaps": np.append(_ranks(keys, cell_centres()), rows),
    }
    cuts = np.unique(np.concatenate([[0], *ends.values()]))[:-1]
    blocks = _in_blocks(keys, cuts)
    segments = np.concatenate([block.segments for block in blocks], axis=1)
    starts = np.concatenate([block.starts for block in blocks])
    width, mass, gaps = (_sums(segments, starts, ends[kind]) for kind in ("width", "mass", "gaps"))
    total = segments.sum(axis=1)
    hits, mean = int(total[HITS]), float(total[CONFIDENCE] / rows)
    bins = _bin_sums(width, ends["width"])
    aurc, augrc, auroc = _ranking(blocks, rows, hits)
    return TopLabelSummary(
        rows=rows,
        accuracy=hits / rows,
        mean_confidence=mean,
        certain=rows - int(np.searchsorted(keys, pack(np.ones(1)))[0]),
        signed=mean - hits / rows,
        ece=ece_of(bins),
        ece_equal_mass=ece_of(_bin_sums(mass, ends["mass"])),
        noise_floor=float(np.sqrt(2.0 / np.pi * (width[CONFIDENCE] - width[SQUARE])).sum() / rows),
        rmsce=rmsce_of(bins),
        mce=mce_of(bins),
        debiased_squared=debiased_squared_of(bins),
        smooth_ece=smooth_ece_of(gaps[HITS] - gaps[CONFIDENCE], gaps[PRODUCT] - gaps[SQUARE], rows),
        top_label_brier=float((total[SQUARE] - 2.0 * total[PRODUCT] + hits) / rows),
        aurc=aurc,
        augrc=augrc,
        correctness_auroc=auroc,
    )


CONFIDENCE, SQUARE, HITS, PRODUCT = range(4)
"""Rows of segment sums: Σ c, Σ c², Σ a, Σ a c."""


@dataclass(frozen=True)
class _Block:
    """What one block of ascending keys adds to the measures.

    Attributes:
        starts: `[S]` ranks at which its segments start.
        segments: `[4, S]` sums over them.
        rows: of the block.
        wrong: wrong predictions in it.
        inverse_ranks: Σ 1/k over its rows, k = 1 the most confident of all.
        risk: Σ e_k / k, e_k the expected errors of the block among the k most confident.
        errors: Σ e_k.
    """

    starts: IntArray
    segments: FloatArray
    rows: int
    wrong: int
    inverse_ranks: float
    risk: float
    errors: float


def _in_blocks(keys: Keys, cuts: IntArray) -> list[_Block]:
    """Work through the keys in blocks that never split a group of equal confidences."""
    nominal = np.arange(BLOCK, len(keys), BLOCK)
    inner = np.searchsorted(keys, keys[nominal - 1] | np.uint64(1), side="right")
    bounds = np.unique(np.concatenate([[0], inner, [len(keys)]]))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(lambda start, end: _block(keys, cuts, start, end), bounds[:-1], bounds[1:]))


def _block(keys: Keys, cuts: IntArray, start: int, end: int) -> _Block:
    values, truth = unpack(keys[start:end])
    hit = truth.astype(np.float64)
    inside = cuts[np.searchsorted(cuts, start, side="right") : np.searchsorted(cuts, end, side="left")]
    starts = np.concatenate([[start], inside])
    terms = (values, values * values, hit, hit * values)
    wrong = _expected_wrong(keys[start:end], hit)
    below = np.cumsum(wrong)
    errors = below[-1] - below + wrong
    inverse = 1.0 / np.arange(len(keys) - start, len(keys) - end, -1.0)
    return _Block(
        starts=starts,
        segments=np.stack([np.add.reduceat(term, starts - start) for term in terms]),
        rows=end - start,
        wrong=end - start - int(np.count_nonzero(truth)),
        inverse_ranks=float(inverse.sum()),
        risk=float((errors * inverse).sum()),
        errors=float(errors.sum()),
    )


def _expected_wrong(keys: Keys, hit: FloatArray) -> FloatArray:
    """Whether each row is wrong `[n]`; among equal confidences, the share that is."""
    wrong = 1.0 - hit
    # Where equal confidences are partly right, the key rises by one from the last wrong to the first right.
    last = np.flatnonzero((np.diff(keys) == 1) & (keys[:-1] & np.uint64(1) == 0))
    if len(last):
        low = np.searchsorted(keys, keys[last], side="left")
        count = np.searchsorted(keys, keys[last] | np.uint64(1), side="right") - low
        rows = np.repeat(low - np.cumsum(count) + count, count) + np.arange(count.sum())
        wrong[rows] = np.repeat((last + 1 - low) / count, count)
    return wrong


def _ranks(keys: Keys, edges: FloatArray) -> IntArray:
    """Number of rows `[M]` with confidence at most each edge."""
    return np.searchsorted(keys, pack(edges) | np.uint64(1), side="right").astype(np.int64, copy=False)


def _sums(segments: FloatArray, starts: IntArray, ends: IntArray) -> FloatArray:
    """Sums `[4, M]` over bins that end at the given ranks, from those over segments."""
    index = np.searchsorted(ends, starts, side="right")
    return np.stack([np.bincount(index, weights=row, minlength=len(ends)) for row in segments])


def _bin_sums(sums: FloatArray, ends: IntArray) -> BinSums:
    return BinSums(np.diff(ends, prepend=0), sums[CONFIDENCE], sums[HITS].astype(np.int64))


def _ranking(blocks: Sequence[_Block], rows: int, hits: int) -> tuple[float, float, float | None]:
    """AURC, AUGRC and AUROC of right against wrong, from the least to the most confident block."""
    wrong = above = rows - hits
    risk = errors = 0.0
    for block in blocks:
        above -= block.wrong
        risk += block.risk + above * block.inverse_ranks
        errors += block.errors + above * block.rows
    # Σ e_k counts, for every wrong row, the rows at or below it in confidence: itself, other wrong ones, and
    # the right ones that AUROC asks for (Traub et al. 2024 state the relation).
    lost = errors - 0.5 * wrong * (wrong + 1)
    auroc = 1.0 - lost / hits / wrong if 0 < hits < rows else None
    return risk / rows, errors / rows / rows, auroc
