"""Where the model is weak: slices of a split against the rest of it, with a bounded false discovery rate.

Each family of slices is tested with its own false discovery rate: the declared slices, those by confidence,
and all that discovery enumerates. Which slices discovery tests depends on the distribution of the rows over
the slicing features and never on where the model errs. A tree grown on the errors would have tested, without
counting them, all the splits that it rejected.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from teacherspec.evaluation_rows.slice_features import SlicingFeature
from teacherspec.metrics.multiple_testing import adjusted, fisher_exact
from teacherspec.metrics.scores.intervals import Interval, wilson_interval

Family = Literal["declared", "confidence", "discovered"]

CONTAINED = 0.8
"""Share of a slice's rows inside another from which the two count as the same finding."""

OWN_LEVEL = 0.01
"""P-value up to which a slice is reported in addition to the weak slice around it; strict, because every weak
slice inside another is tested."""

COLUMNS = (
    "slice", "family", "rows", "accuracy", "low", "high", "elsewhere", "p_value", "q_value", "weak"
)  # fmt: skip


@dataclass(frozen=True)
class Slice:
    """A part of the rows: where one or two slicing features have a certain value.

    Attributes:
        features: that define it.
        codes: its slice of each of them.
    """

    features: tuple[SlicingFeature, ...]
    codes: tuple[int, ...]

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of its slices of the features."""
        pairs = zip(self.features, self.codes, strict=True)
        return tuple(feature.slices[code] for feature, code in pairs)

    @property
    def name(self) -> str:
        """Its conditions in one line."""
        return " & ".join(self.conditions)

    def rows(self) -> "npt.NDArray[np.bool_]":
        """`[N]`, whether each row belongs to it; not stored, since there may be many slices."""
        conditions = [feature.codes == code for feature, code in zip(self.features, self.codes, strict=True)]
        inside: npt.NDArray[np.bool_] = np.logical_and.reduce(conditions)
        return inside


@dataclass(frozen=True)
class SliceQuality:
    """Accuracy of the model on a slice.

    Attributes:
        slice: which part of the rows.
        rows: in it.
        family: which slices it was tested together with.
        accuracy: share of right predictions, with Wilson interval.
        elsewhere: accuracy on all other rows.
        p_value: two-sided exact p-value of slice against elsewhere (Fisher 1935).
        q_value: p-value adjusted over the family (Benjamini & Hochberg 1995).
        differs: whether `q_value` is within the false discovery rate.
    """

    slice: Slice
    rows: int
    family: Family
    accuracy: Interval
    elsewhere: float
    p_value: float
    q_value: float
    differs: bool

    @property
    def weak(self) -> bool:
        """Whether the model is worse here than elsewhere by more than chance explains."""
        return self.differs and self.accuracy.value < self.elsewhere

    @property
    def strong(self) -> bool:
        """Whether the model is better here than elsewhere by more than chance explains."""
        return self.differs and self.accuracy.value > self.elsewhere

    def row(self) -> list[object]:
        """Its line in the order of `COLUMNS`."""
        numbers = (self.accuracy.value, self.accuracy.low, self.accuracy.high, self.elsewhere)
        tests = (float(f"{value:.3g}") for value in (self.p_value, self.q_value))
        rounded = (round(number, 6) for number in numbers)
        return [self.slice.name, self.family, self.rows, *rounded, *tests, str(self.weak).lower()]


def single_slices(features: Sequence[SlicingFeature]) -> Iterator[Slice]:
    """Every slice of every feature that holds some rows, but not all."""
    for feature in features:
        counts = np.bincount(feature.codes[feature.codes >= 0], minlength=len(feature.slices))
        for code in np.flatnonzero((counts > 0) & (counts < len(feature.codes))).tolist():
            yield Slice((feature,), (code,))


def pair_slices(features: Sequence[SlicingFeature], min_rows: int) -> Iterator[Slice]:
    """Every slice of one feature crossed with one of another that holds `min_rows` or more, not all."""
    for first, second in combinations(features, 2):
        both = (first.codes >= 0) & (second.codes >= 0)
        cells = first.codes[both] * len(second.slices) + second.codes[both]
        cell, counts = np.unique(cells, return_counts=True)
        for code in cell[(counts >= min_rows) & (counts < len(both))].tolist():
            yield Slice((first, second), divmod(code, len(second.slices)))


def measure_slices(
    slices: Sequence[Slice],
    correct: "npt.NDArray[np.bool_]",
    family: Family,
    *,
    confidence: float,
    false_discovery_rate: float,
) -> list[SliceQuality]:
    """Each slice against the rows outside it.

    Args:
        slices: of the same N rows, none of them empty or whole.
        correct: `[N]`, whether the prediction is right.
        family: the slices that are tested together: these.
        confidence: level of the intervals.
        false_discovery_rate: expected share of false alarms among those that differ.
    """
    counts = []
    for part in slices:
        inside = part.rows()
        rows, hits = int(inside.sum()), int(correct[inside].sum())
        counts.append((hits, rows, int(correct.sum()) - hits, len(correct) - rows))
    p_values = [fisher_exact(*count) for count in counts]
    return [
        SliceQuality(
            slice=part,
            rows=rows,
            family=family,
            accuracy=wilson_interval(hits, rows, confidence=confidence),
            elsewhere=other / left,
            p_value=p_value,
            q_value=q_value,
            differs=q_value <= false_discovery_rate,
        )
        for part, (hits, rows, other, left), p_value, q_value in zip(
            slices, counts, p_values, adjusted(p_values), strict=True
        )
    ]


def discover(
    features: Sequence[SlicingFeature],
    declared: Sequence[SliceQuality],
    correct: "npt.NDArray[np.bool_]",
    *,
    min_rows: int,
    confidence: float,
    false_discovery_rate: float,
) -> tuple[list[SliceQuality], int]:
    """Weak slices among all single and crossed slices of `features` that were not declared.

    Args:
        features: of the same N rows.
        declared: slices already measured; what they explain is not reported again.
        correct: `[N]`, whether the prediction is right.
        min_rows: fewest rows of a slice.
        confidence: level of the intervals.
        false_discovery_rate: expected share of false alarms.

    Returns:
        Those that are weak and not explained by simpler weak ones, and the number of slices tested.
    """
    known = {measured.slice.conditions for measured in declared}
    singles = [part for part in single_slices(features) if part.rows().sum() >= min_rows]
    pairs = pair_slices(features, min_rows)
    candidates = [part for part in (*singles, *pairs) if part.conditions not in known]
    tested = measure_slices(
        candidates, correct, "discovered", confidence=confidence, false_discovery_rate=false_discovery_rate
    )
    weak = [measured for measured in tested if measured.weak]
    reported = [measured for measured in declared if measured.weak]
    return drop_subsumed(weak, reported, correct), len(tested)


def drop_subsumed(
    weak: Sequence[SliceQuality],
    reported: Sequence[SliceQuality],
    correct: "npt.NDArray[np.bool_]",
) -> list[SliceQuality]:
    """The weak slices that are not explained by simpler or stronger ones.

    A slice that lies (up to 20 % of its rows) inside a weak slice reported before is added only if it is
    clearly worse than the remainder of that slice, too.
    """
    added: list[SliceQuality] = []
    for candidate in sorted(weak, key=lambda one: (len(one.slice.conditions), one.p_value, one.slice.name)):
        if not any(_explains(earlier, candidate, correct) for earlier in (*reported, *added)):
            added.append(candidate)
    return added


def _explains(earlier: SliceQuality, candidate: SliceQuality, correct: "npt.NDArray[np.bool_]") -> bool:
    rows, around = candidate.slice.rows(), earlier.slice.rows()
    if (rows & around).sum() < CONTAINED * rows.sum():
        return False
    remainder = around & ~rows
    hits, other = int(correct[rows].sum()), int(correct[remainder].sum())
    worse = hits * remainder.sum() < other * rows.sum()
    return not (worse and fisher_exact(hits, int(rows.sum()), other, int(remainder.sum())) <= OWN_LEVEL)


def weakest_first(slices: Sequence[SliceQuality]) -> list[SliceQuality]:
    """Weak slices first, then by p-value; the order of a report."""
    return sorted(
        slices,
        key=lambda one: (not one.weak, one.accuracy.value >= one.elsewhere, one.p_value, one.slice.name),
    )
