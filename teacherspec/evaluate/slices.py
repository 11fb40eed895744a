"""Where the model is weak: slices of a split against the rest of it, with false alarms under control.

Families are tested by themselves, each with its own false discovery rate: the slices that were declared,
those by confidence, and all that discovery looks at. Discovery enumerates: which slices are tested
depends on how the rows are spread over the facets and never on where the model errs. A tree grown on the
errors would have tested, without counting them, all the splits that it passed over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from teacherspec.evaluate.slice_features import Facet
from teacherspec.metrics.intervals import Interval, wilson_interval
from teacherspec.metrics.multiple_testing import adjusted, fisher_exact

Family = Literal["declared", "confidence", "discovered"]

CONTAINED = 0.8
"""Share of a slice's rows inside another from which on the two are taken for the same finding."""

OWN_LEVEL = 0.01
"""P-value up to which a slice says more than the weak slice around it; strict, for every weak slice inside
another takes this test."""

COLUMNS = (
    "slice", "family", "rows", "accuracy", "low", "high", "elsewhere", "p_value", "q_value", "weak"
)  # fmt: skip


@dataclass(frozen=True)
class Slice:
    """A part of the rows: where one or two facets have a certain value.

    Attributes:
        facets: that define it.
        codes: its slice of each of them.
    """

    facets: tuple[Facet, ...]
    codes: tuple[int, ...]

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of its slices of the facets."""
        return tuple(facet.slices[code] for facet, code in zip(self.facets, self.codes, strict=True))

    @property
    def name(self) -> str:
        """Its conditions in one line."""
        return " & ".join(self.conditions)

    def rows(self) -> "npt.NDArray[np.bool_]":
        """`[N]`, whether each row belongs to it; made anew each time, for there may be very many slices."""
        conditions = [facet.codes == code for facet, code in zip(self.facets, self.codes, strict=True)]
        inside: npt.NDArray[np.bool_] = np.logical_and.reduce(conditions)
        return inside


@dataclass(frozen=True)
class SliceQuality:
    """How the model fares on a slice.

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


def single_slices(facets: Sequence[Facet]) -> Iterator[Slice]:
    """Every slice of every facet that holds some rows, but not all."""
    for facet in facets:
        counts = np.bincount(facet.codes[facet.codes >= 0], minlength=len(facet.slices))
        for code in np.flatnonzero((counts > 0) & (counts < len(facet.codes))).tolist():
            yield Slice((facet,), (code,))


def pair_slices(facets: Sequence[Facet], min_rows: int) -> Iterator[Slice]:
    """Every slice of one facet crossed with one of another that holds `min_rows` or more, not all."""
    for first, second in combinations(facets, 2):
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
    facets: Sequence[Facet],
    declared: Sequence[SliceQuality],
    correct: "npt.NDArray[np.bool_]",
    *,
    min_rows: int,
    confidence: float,
    false_discovery_rate: float,
) -> tuple[list[SliceQuality], int]:
    """Weak slices among all single and crossed slices of `facets` that nobody declared.

    Args:
        facets: of the same N rows.
        declared: slices already measured; what they explain is not told again.
        correct: `[N]`, whether the prediction is right.
        min_rows: fewest rows of a slice.
        confidence: level of the intervals.
        false_discovery_rate: expected share of false alarms.

    Returns:
        Those that are weak and say more than simpler weak ones, and the number of slices tested.
    """
    known = {found.slice.conditions for found in declared}
    singles = [part for part in single_slices(facets) if part.rows().sum() >= min_rows]
    candidates = [part for part in (*singles, *pair_slices(facets, min_rows)) if part.conditions not in known]
    tested = measure_slices(
        candidates, correct, "discovered", confidence=confidence, false_discovery_rate=false_discovery_rate
    )
    weak = [found for found in tested if found.weak]
    told = [found for found in declared if found.weak]
    return drop_subsumed(weak, told, correct), len(tested)


def drop_subsumed(
    weak: Sequence[SliceQuality],
    told: Sequence[SliceQuality],
    correct: "npt.NDArray[np.bool_]",
) -> list[SliceQuality]:
    """The weak slices that are not explained by simpler or stronger ones.

    A slice that lies (up to 20 % of its rows) inside a weak slice told before is kept only if it is clearly
    worse than the remainder of that slice, too.
    """
    kept: list[SliceQuality] = []
    for found in sorted(
        weak, key=lambda found: (len(found.slice.conditions), found.p_value, found.slice.name)
    ):
        if not any(_explains(earlier, found, correct) for earlier in (*told, *kept)):
            kept.append(found)
    return kept


def _explains(earlier: SliceQuality, found: SliceQuality, correct: "npt.NDArray[np.bool_]") -> bool:
    rows, around = found.slice.rows(), earlier.slice.rows()
    if (rows & around).sum() < CONTAINED * rows.sum():
        return False
    remainder = around & ~rows
    hits, other = int(correct[rows].sum()), int(correct[remainder].sum())
    worse = hits * remainder.sum() < other * rows.sum()
    return not (worse and fisher_exact(hits, int(rows.sum()), other, int(remainder.sum())) <= OWN_LEVEL)


def sorted_by_need(found: Sequence[SliceQuality]) -> list[SliceQuality]:
    """Weak slices first, then by p-value; the order of a report."""
    return sorted(
        found,
        key=lambda one: (not one.weak, one.accuracy.value >= one.elsewhere, one.p_value, one.slice.name),
    )
