"""The rule of docs/probe.md, and what chooses."""

import numpy as np
import pytest

from teacherspec.metrics.crossed_interval import CrossedMean
from teacherspec.metrics.scores.intervals import Interval
from teacherspec.probe.arms import Arm, arms
from teacherspec.probe.budgets import budget_rows
from teacherspec.probe.choice import CHOICE, choose
from teacherspec.probe.lift import Verdict, lift_on_set, verdict
from teacherspec.probe.outcome import Outcome, RowScores, ScoredSet, Trained
from teacherspec.spec.probe.probe import Probe


def lift(low: float, high: float) -> CrossedMean:
    return CrossedMean(Interval((low + high) / 2, low, high), 0.5)


@pytest.mark.parametrize(
    ("found", "control", "over_smoothing", "expected"),
    [
        (lift(0.01, 0.03), lift(-0.2, -0.1), None, "lifts"),
        (lift(0.001, 0.003), lift(-0.2, -0.1), None, "lifts"),
        (lift(0.01, 0.03), lift(0.001, 0.01), None, "inconclusive"),
        (lift(-0.02, 0.004), lift(-0.2, -0.1), None, "does not"),
        (lift(-0.02, -0.01), lift(0.001, 0.01), None, "does not"),
        (lift(-0.01, 0.02), lift(-0.2, -0.1), None, "inconclusive"),
        (lift(0.0, 0.02), lift(-0.2, -0.1), None, "inconclusive"),
        (lift(0.01, 0.03), lift(-0.2, -0.1), lift(0.001, 0.02), "lifts"),
        (lift(0.01, 0.03), lift(-0.2, -0.1), lift(-0.01, 0.02), "inconclusive"),
        (lift(0.01, 0.03), lift(-0.2, -0.1), lift(-0.01, 0.004), "does not"),
        (lift(-0.02, 0.004), lift(-0.2, -0.1), lift(0.01, 0.02), "does not"),
        (lift(0.01, 0.03), lift(0.001, 0.01), lift(0.001, 0.02), "inconclusive"),
    ],
)
def test_the_rule(
    found: CrossedMean, control: CrossedMean, over_smoothing: CrossedMean | None, expected: Verdict
) -> None:
    assert verdict(found, control, over_smoothing, 0.005) == expected


def test_arms_are_those_of_the_declaration() -> None:
    found = arms(Probe(), calibrated=True)
    assert [arm.name for arm in found[:2]] == ["hard", "pseudo"]
    assert len({arm.name for arm in found}) == len(found) == 2 + 6 + 6 + 4
    assert sum(arm.is_control for arm in found) == 4
    assert sum(arm.is_smoothing for arm in found) == 2
    assert not any(arm.targets == "calibrated" for arm in arms(Probe(), calibrated=False))
    assert not any(arm.is_candidate for arm in found if arm.name in ("hard", "pseudo") or arm.is_control)


ARMS = tuple(
    Arm(name, targets, 1.0, weight)
    for name, targets, weight in (
        ("hard", "none", 0.0), ("pseudo", "top_label", 1.0), ("soft", "raw", 1.0), ("mix", "raw", 0.5),
        ("shuffled", "shuffled", 0.5), ("smoothed", "smoothed", 0.5),
    )
)  # fmt: skip


def outcome(chances: dict[str, np.ndarray]) -> Outcome:
    """Scores drawn with the chances `[K, A]` of each set."""
    draw = np.random.default_rng(0)
    rows = 400
    sets = {
        name: RowScores(
            *(
                (draw.random((3, 2, len(ARMS), rows)) < chance[None, :, :, None]).astype(np.float32)
                for _ in range(3)
            )
        )
        for name, chance in chances.items()
    }
    scored = [
        ScoredSet(name, [str(row) for row in range(rows)], np.ones(rows, np.float32)) for name in chances
    ]
    trained = Trained(100, (1, 2), sets)
    return Outcome("toy", "accuracy", 10, ARMS, scored[0], scored[1:], [trained], 0)


def test_epoch_and_arm_are_chosen_by_the_rows_that_choose_alone() -> None:
    """On test another arm and epoch would look better: they are not taken."""
    choosing = np.array([[0.5, 0.5, 0.5, 0.9, 0.99, 0.5], [0.8, 0.5, 0.6, 0.5, 0.99, 0.5]])
    on_test = np.array([[0.3, 0.5, 0.99, 0.7, 0.1, 0.7], [0.6, 0.5, 0.99, 0.99, 0.1, 0.7]])
    found = outcome({CHOICE: choosing, "test": on_test})
    chosen = choose(found)
    assert ARMS[chosen.recommended].name == "mix", "the control is better and no candidate"
    assert chosen.epochs[0].tolist()[0] == 1, "hard has its own best epoch"
    assert chosen.epochs[0].tolist()[3] == 0
    measured = lift_on_set(Probe(), found, chosen, "test", 0)
    assert measured.lift.interval.value == pytest.approx(0.1, abs=0.05)
    assert (measured.arms["mix"].epoch, measured.arms["hard"].epoch) == (1, 2)
    assert measured.verdict != "lifts", "no better than labels that are smoothed"
    assert measured.over_smoothing is not None
    assert measured.over_smoothing.interval.value == pytest.approx(0.0, abs=0.05)
    assert measured.control.interval.value == pytest.approx(-0.5, abs=0.05), "of another row, not smoothed"


def test_a_smaller_budget_is_stratified_drawn_by_seed_and_part_of_a_larger_one() -> None:
    labels = np.repeat([0, 1, 2], [80, 40, 3])
    small, large = budget_rows(labels, 0.25, 1), budget_rows(labels, 0.5, 1)
    assert np.bincount(labels[small]).tolist() == [20, 10, 1]
    assert set(small) < set(large)
    assert budget_rows(labels, 1.0, 1).tolist() == list(range(123))
    assert set(small) != set(budget_rows(labels, 0.25, 2))
