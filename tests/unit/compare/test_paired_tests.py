"""Families of paired tests: what is no test, and the adjusted p-values of the others."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from teacherspec.compare.paired_tests import PairedTest, family, mcnemar, paired_mean


def shifted(name: str, by: float, noise: float = 1.0) -> PairedTest:
    """A loss of 200 rows that changes by `by` on average."""
    draw = np.random.default_rng(len(name))
    before = draw.normal(size=200)
    return paired_mean(name, before, before + by + noise * draw.normal(size=200))


CHANGED = [shifted("a", 0.3), shifted("ab", 0.1), shifted("abc", 0.0)]
ROWS = np.arange(40) % 3 == 0
UNCHANGED = {
    "the same values": paired_mean("same", np.arange(9.0), np.arange(9.0)),
    "the same hits": mcnemar("hits", ROWS, ROWS),
    "less than reports state": shifted("rounding", 1e-9, noise=1e-9),
}


@pytest.mark.parametrize("unchanged", UNCHANGED.values(), ids=UNCHANGED)
def test_a_metric_that_is_equal_on_every_row_dilutes_no_q_value(unchanged: PairedTest) -> None:
    found = family([CHANGED[0], unchanged, *CHANGED[1:], unchanged])
    assert found.unchanged == (unchanged.metric, unchanged.metric)
    assert [test.metric for test in found.tests] == [test.metric for test in CHANGED]
    p_values = [test.p_value for test in CHANGED]
    assert [test.q_value for test in found.tests] == pytest.approx(false_discovery_control(p_values))
    # Negative control: with it in the family, every q-value is larger.
    diluted = false_discovery_control([*p_values, 1.0, 1.0])[:3]
    assert all(test.q_value < more for test, more in zip(found.tests[:2], diluted, strict=False))


def test_a_metric_that_moves_both_ways_by_the_same_amount_is_a_test() -> None:
    before = np.array([True, False] * 10)
    test = mcnemar("both ways", before, ~before)
    assert test.difference.value == 0
    assert family([test]).tests[0].q_value == 1


def test_no_metric_at_all_is_an_empty_family() -> None:
    assert family([]).tests == ()
