"""The ratio is that of means over texts, computed by hand; its interval covers what it should."""

import numpy as np
import pytest

from teacherspec.metrics.rank_surprisal import HIGHEST_RANK, rank_surprisal


def test_texts_weigh_the_same_and_high_ranks_are_cut() -> None:
    ranks, nll, text = np.array([1, 3, 5000]), np.array([0.5, 1.5, 8.0]), np.array([0, 0, 1])
    found = rank_surprisal(ranks, nll, text)
    assert (found.rank, found.surprisal, found.answers) == ((2 + HIGHEST_RANK) / 2, (1.0 + 8.0) / 2, 2)
    assert found.ratio.value == pytest.approx(51 / 4.5)


def test_the_interval_covers_the_true_ratio_about_as_often_as_declared() -> None:
    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        texts = draw.gamma(4.0, size=60)
        nll = texts * draw.uniform(0.8, 1.2, 60)
        found = rank_surprisal(np.ones(60, int) * 3, nll, np.arange(60))
        covered += found.ratio.low <= 3 / 4.0 <= found.ratio.high
    assert 0.90 <= covered / 400 <= 0.99


def test_a_student_that_nothing_surprises_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="mean surprisal 0; needed: 2, above 0"):
        rank_surprisal(np.ones(3, int), np.zeros(3), np.arange(3))
