import numpy as np
import pytest

from teacherspec.calibrators.abstention import STEPS, abstention_threshold, accept, thresholds
from teacherspec.metrics.ood import confidence_log_odds
from tests.unit.calibrate.toy_predictions import planted

# 40 times too confident: probabilities would all be 1.0, log-odds still rank the rows.
LOGITS, LABELS = planted(60_000, 4, 40.0, seed=0, sharpness=4.0)
SCORES, WRONG = confidence_log_odds(LOGITS), LOGITS.argmax(axis=1) != LABELS
GRID = thresholds(confidence_log_odds(planted(200, 4, 40.0, seed=1, sharpness=4.0)[0]))


def test_the_guarantee_holds_over_many_calibration_splits():
    """The risk in the population at the chosen threshold exceeds the declared one seldom enough."""
    risk, guarantee, trials = 0.1, 0.8, 200
    broken = proven = 0
    for trial in range(trials):
        rows = np.random.default_rng(trial).choice(len(LABELS), 300, replace=False)
        found = abstention_threshold(LOGITS[rows], LABELS[rows], GRID, risk=risk, guarantee=guarantee)
        if found is not None:
            proven += 1
            broken += WRONG[found <= SCORES].mean() > risk
    assert proven > trials / 2
    assert broken <= (1 - guarantee) * trials


def test_more_rows_accept_more_up_to_what_the_risk_allows():
    found = [
        abstention_threshold(LOGITS[:n], LABELS[:n], GRID, risk=0.1, guarantee=0.9)
        for n in (300, 3000, 60_000)
    ]
    coverage = [accept(LOGITS, LABELS, threshold).accepted for threshold in found]
    assert coverage == sorted(coverage)
    allowed = [step for step in GRID if WRONG[step <= SCORES].mean() <= 0.1]
    assert list(GRID).index(found[-1]) >= len(allowed) - 3


@pytest.mark.parametrize(("rows", "proven"), [(76, False), (77, True)])
def test_rows_that_a_risk_of_five_percent_needs(rows, proven):
    """Without an error, 0.95^n <= 0.1 / 5 from 77 rows on: the number that the declaration states."""
    logits = np.tile([20.0, 0.0], (rows, 1))
    found = abstention_threshold(logits, np.zeros(rows, np.int64), np.array([1.0]), risk=0.05, guarantee=0.9)
    assert (found is not None) is proven


def test_a_model_that_is_always_wrong_proves_nothing():
    logits = np.tile([20.0, 0.0], (1000, 1))
    assert abstention_threshold(logits, np.ones(1000, np.int64), GRID, risk=0.05, guarantee=0.9) is None


def test_a_row_at_the_threshold_is_accepted():
    logits = np.log([[0.9, 0.1], [0.6, 0.4]])
    kept = accept(logits, [1, 0], confidence_log_odds(logits)[0])
    assert (kept.rows, kept.accepted, kept.errors) == (2, 1, 1)


@pytest.mark.parametrize("rows", [1, 7, 100, 5000])
def test_thresholds_fall_to_the_lowest_score(rows):
    scores = np.random.default_rng(0).normal(size=rows)
    found = thresholds(scores)
    assert len(found) == min(rows, STEPS)
    assert (np.diff(found) < 0).all()
    assert scores.min() - 1e-6 < found[-1] <= scores.min()
