"""Exact tests of two shares, and many of them at once."""

from collections.abc import Sequence

from teacherspec.metrics.significance import benjamini_hochberg


def fisher_exact(hits: int, rows: int, other_hits: int, other_rows: int) -> float:
    """Two-sided exact p-value that two shares, `hits` of `rows` each, are equal (Fisher 1935)."""
    from scipy.stats import fisher_exact

    table = [[hits, rows - hits], [other_hits, other_rows - other_hits]]
    return min(1.0, float(fisher_exact(table).pvalue))


def adjusted(p_values: Sequence[float]) -> list[float]:
    """P-values of one family adjusted for the false discovery rate (Benjamini & Hochberg 1995)."""
    return [float(value) for value in benjamini_hochberg(p_values)] if p_values else []
