"""Better and worse, for every metric that is compared."""

from dataclasses import replace

import pytest

from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.report.directions import LARGER, SMALLER, direction, measure, verdict
from teacherspec.metric_names.by_output_type import reported_names
from teacherspec.metrics.scores.intervals import Interval

GAIN = PairedTest("evaluate.test.accuracy", 9, 0.5, 0.7, Interval(0.2, 0.1, 0.3), 0.001, 0.001, "")
WITHOUT = (
    "rows", "tokens", "change", "p_value", "argmax_changed", "fitted", "temperature", "standard_error",
    "signed", "brier_uncertainty", "loss_ratio", "queries", "candidates", "images", "texts",
    "length_ratio", "candidate_set_size", "worsened", "wins", "ties", "losses", "ratings", "skipped",
    "outdated", "raters", "left_preferred", "preference", "rating", "shown", "rated", "identical", "pairs",
    "teacher", "opponent", "difference", "trainings",
    "slope", "intercept", "radius", "level", "coverage", "noise", "width", "change",
    "entropy", "out_of_fold_rows", "effective_rows", "disagreement",
)  # fmt: skip
"""Counts, targets and parameters, of which neither more nor less is better."""

PARTLY = ("abstention", "loss_ratio_", "floor_", "noise_", "chance_at_")


@pytest.mark.parametrize("output_type", ["classification", "generation", "regression", "retrieval"])
def test_every_reported_metric_has_a_direction_or_is_known_to_have_none(output_type: str) -> None:
    names = reported_names(output_type, {"test": "test", "other": "shifted", "far": "ood"}, ["case"]).all
    unknown = {
        name
        for name in names
        if not direction(name) and measure(name) not in WITHOUT and not any(part in name for part in PARTLY)
    }
    assert unknown == set()


def test_no_metric_has_two_directions() -> None:
    assert not SMALLER & LARGER


def test_a_significant_change_is_better_or_worse_by_the_direction_of_its_metric() -> None:
    loss = replace(GAIN, metric="calibrate.test.nll.after")
    assert (verdict(GAIN), verdict(loss)) == ("better", "worse")
    assert verdict(replace(GAIN, q_value=0.06)) == "no clear change"
    assert verdict(replace(GAIN, metric="calibrate.test.signed.after")) == "changed"


def test_a_significant_difference_of_two_models_that_seeds_may_explain_is_called_so() -> None:
    noisy = replace(GAIN, within_seed_noise=True)
    assert verdict(noisy) == "within seed noise"
    assert verdict(replace(noisy, q_value=0.06)) == "no clear change"
