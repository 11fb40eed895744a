"""A difference that the seeds of two recipes may explain is never called better or worse."""

from typing import Any

import pytest

from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.report.directions import seed_verdict, verdict
from teacherspec.compare.report.formatting import over_seeds
from teacherspec.compare.reported_numbers import numbers
from teacherspec.compare.seed_noise import compare_seeds, with_seed_noise
from teacherspec.metrics.scores.intervals import Interval


def report(mean: float, sd: float, count: int = 5, own: float | None = None) -> dict[str, Any]:
    """Reports of a side; of one training where `count` is 1."""
    test = {"accuracy": {"value": mean if own is None else own, "low": 0.0, "high": 1.0}}
    if count == 1:
        return {"evaluate": {"test": test}}
    over = {"accuracy": {"value": mean, "low": 0.0, "high": 1.0}, "accuracy_sd": sd, "trainings": count}
    return {"evaluate": {"test": test, "seeds": {"test": over}}}


def paired(metric: str = "evaluate.test.accuracy") -> PairedTest:
    return PairedTest(metric, 900, 0.80, 0.83, Interval(0.03, 0.01, 0.05), 0.001, 0.001, "")


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (report(0.80, 0.005), report(0.83, 0.005), "better"),
        (report(0.83, 0.005), report(0.80, 0.005), "worse"),
        (report(0.80, 0.03), report(0.81, 0.03), "within seed noise"),
        (report(0.80, 0.03), report(0.83, 0.0, count=1), "within seed noise"),
        (report(0.80, 0.005), report(0.83, 0.0, count=1), "better"),
        (report(0.83, 0.0, count=1), report(0.80, 0.005), "worse"),
        (report(0.80, 0.0, count=2), report(0.80, 0.0, count=2), "within seed noise"),
    ],
)
def test_the_verdict_is_that_of_the_means_over_seeds(
    before: dict[str, Any], after: dict[str, Any], says: str
) -> None:
    (found,) = compare_seeds(numbers(before, after))
    assert found.metric == "evaluate.test.accuracy"
    assert seed_verdict(found) == says
    (test, other) = with_seed_noise([paired(), paired("evaluate.test.nll")], [found])
    assert verdict(test) == ("within seed noise" if says == "within seed noise" else "better")
    assert verdict(other) == "worse", "a metric without seeds keeps its own verdict"


def test_the_packaged_models_own_number_does_not_decide() -> None:
    """A lucky seed was packaged; over seeds the recipes are alike."""
    (found,) = compare_seeds(numbers(report(0.80, 0.02, own=0.80), report(0.80, 0.02, own=0.85)))
    assert found.difference.value == 0.0
    assert found.within_noise


def test_without_seeds_nothing_is_compared() -> None:
    assert compare_seeds(numbers(report(0.80, 0.0, count=1), report(0.90, 0.0, count=1))) == ()
    assert with_seed_noise([paired()], ())[0] == paired()


def test_a_split_of_one_side_alone_is_left_out() -> None:
    before = report(0.80, 0.01)
    after = {"evaluate": {"seeds": {"far": before["evaluate"]["seeds"]["test"]}}}
    assert compare_seeds(numbers(before, after)) == ()


def test_trainings_are_shown_with_their_spread() -> None:
    (found,) = compare_seeds(numbers(report(0.80, 0.0123), report(0.83, 0.0, count=1)))
    assert (over_seeds(found.before), over_seeds(found.after)) == ("0.8 ± 0.012 (5)", "0.83")
