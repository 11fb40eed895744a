"""Every scalar measure of top-label confidences at the price of little more than one sort."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.special import digamma

from teacherspec.metrics.binning import BinSums, mass_ranks, upper_edges
from teacherspec.metrics.calibration import debiased_squared_of, ece_of, mce_of, rmsce_of
from teacherspec.metrics.ranking import pack, sorted_keys, unpack
from teacherspec.metrics.smooth_ece import cell_centres, smooth_ece_of
from teacherspec.metrics.validation import FloatArray, IntArray, confidence_values, truth_values

BLOCK = 1 << 15
"""Rows worked on at once: what is made of them stays in the caches of one core. Operations on so few rows
are over before another thread could take the interpreter, so threads would only cost."""

Keys = npt.NDArray[np.uint64]

ONE = np.uint64(1)

SERIES_FROM = 512
"""Numbers from which the terms left out of the series of ψ are below 1e-18."""


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
    blocks = [_block(keys, cuts, *bounds) for bounds in _bounds(keys)]
    segments = np.concatenate([block.segments for block in blocks], axis=1)
    starts = np.concatenate([block.starts for block in blocks])
    width, mass, gaps = (_sums(segments, starts, ends[kind]) for kind in ("width", "mass", "gaps"))
    total = segments.sum(axis=1)
    hits, mean = int(total[HITS]), float(total[CONFIDENCE] / rows)
    bins = _bin_sums(width, ends["width"])
    # Every wrong row, at rank k from the most confident, is one of the errors among the top k, ..., N.
    risk, errors = (float(sum(parts)) for parts in zip(*(block.ranking for block in blocks), strict=True))
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
        aurc=risk / rows,
        augrc=errors / rows / rows,
        correctness_auroc=_auroc(errors, rows - hits, hits),
    )


CONFIDENCE, SQUARE, HITS, PRODUCT = range(4)
"""Rows of segment sums: Σ c, Σ c², Σ a, Σ a c."""


@dataclass(frozen=True)
class _Block:
    """What one block of ascending keys adds to the measures.

    Attributes:
        starts: `[S]` ranks at which its segments start.
        segments: `[4, S]` sums over them.
        ranking: Σ over its wrong rows of 1/k + ... + 1/N and of N - k + 1, k the rank from the most confident
            of all; rows tied in confidence enter in random order.
    """

    starts: IntArray
    segments: FloatArray
    ranking: tuple[float, float]


def _bounds(keys: Keys) -> list[tuple[int, int]]:
    """Start and end of blocks of keys that never split a group of equal confidences."""
    nominal = np.arange(BLOCK, len(keys), BLOCK)
    inner = np.searchsorted(keys, keys[nominal - 1] | ONE, side="right")
    bounds = np.unique(np.concatenate([[0], inner, [len(keys)]])).tolist()
    return list(pairwise(bounds))


def _block(keys: Keys, cuts: IntArray, start: int, end: int) -> _Block:
    part = keys[start:end]
    values = (part >> ONE).view(np.float64)
    # Wrong rows are seldom many: what they are left out of is all that hits need.
    wrong = np.flatnonzero((part & ONE) == 0)
    inside = cuts[np.searchsorted(cuts, start, side="right") : np.searchsorted(cuts, end, side="left")]
    starts = np.concatenate([[start], inside])
    local = np.append(starts, end) - start
    confidence = np.add.reduceat(values, local[:-1])
    first = np.searchsorted(wrong, local)
    count = np.diff(first)
    missed = np.add.reduceat(np.append(values[wrong], 0.0), first[:-1])
    missed[count == 0] = 0.0  # reduceat gives the next value for an empty stretch
    values *= values
    square = np.add.reduceat(values, local[:-1])
    return _Block(
        starts=starts,
        segments=np.stack([confidence, square, np.diff(local) - count, confidence - missed]),
        ranking=_ranking(part, wrong, rows=len(keys), below=start),
    )


def _ranking(part: Keys, wrong: npt.NDArray[np.intp], rows: int, below: int) -> tuple[float, float]:
    """The sums of `_Block.ranking` over keys `[n]` above the `below` least confident of all `rows`."""
    rank = (rows - below) - wrong  # [W]
    risk, errors = _inverses(rank, np.full(1, rows)).sum(), (wrong + (below + 1.0)).sum()
    # Where equal confidences are partly right, the wrong come first, and one key follows on the other.
    inner = wrong[:-1] if len(wrong) and wrong[-1] == len(part) - 1 else wrong
    right = inner[(part[inner] ^ part[inner + 1]) == 1] + 1  # [G] first right row of each such group
    if len(right):
        low = np.searchsorted(part, part[right - 1], side="left")
        high = np.searchsorted(part, part[right], side="right")
        # In order of keys the wrong rows of a group rank below its right ones; at random, anywhere in it.
        bottom, middle, top = (rows - below - ends for ends in (low, right, high))
        lower, upper = _inverses(middle + 1, bottom), _inverses(top + 1, middle)
        share = (right - low) / (high - low)
        risk += (middle * lower - share * top * (lower + upper)).sum()
        errors += 0.5 * ((right - low) * (high - right)).sum()
    return float(risk), float(errors)


def _inverses(first: IntArray, last: IntArray) -> FloatArray:
    """1/first + ... + 1/last of whole numbers `[n]`, in full precision also where that is small.

    ψ(last + 1) - ψ(first), with ψ(x) = ln y + 1/(24 y²) - 7/(960 y⁴) + ... at y = x - 1/2.
    """
    low, high = first - 0.5, last + 0.5
    below, above = 1.0 / (low * low), 1.0 / (high * high)
    sums: FloatArray = np.log1p((high - low) / low)
    sums += (above - below) * (1.0 / 24.0 - 7.0 / 960.0 * (above + below))
    small = np.flatnonzero(first < SERIES_FROM)
    if len(small):
        sums[small] = digamma(np.broadcast_to(last, first.shape)[small] + 1.0) - digamma(first[small] + 0.0)
    return sums


def _auroc(errors: float, wrong: int, hits: int) -> float | None:
    """AUROC of right against wrong; None without either.

    `errors` counts, for every wrong row, the rows at or below it in confidence: itself, other wrong ones, and
    the right ones that AUROC asks for (Traub et al. 2024 state the relation).
    """
    lost = errors - 0.5 * wrong * (wrong + 1)
    return 1.0 - lost / hits / wrong if hits and wrong else None


def _ranks(keys: Keys, edges: FloatArray) -> IntArray:
    """Number of rows `[M]` with confidence at most each edge."""
    return np.searchsorted(keys, pack(edges) | np.uint64(1), side="right").astype(np.int64, copy=False)


def _sums(segments: FloatArray, starts: IntArray, ends: IntArray) -> FloatArray:
    """Sums `[4, M]` over bins that end at the given ranks, from those over segments."""
    index = np.searchsorted(ends, starts, side="right")
    return np.stack([np.bincount(index, weights=row, minlength=len(ends)) for row in segments])


def _bin_sums(sums: FloatArray, ends: IntArray) -> BinSums:
    return BinSums(np.diff(ends, prepend=0), sums[CONFIDENCE], sums[HITS].astype(np.int64))
