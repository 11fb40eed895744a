"""The page of a comparison: what moved first, the same scale for all, nothing live from data."""

import re
from dataclasses import replace

import pytest

from teacherspec.compare.compare import TeacherDiff
from teacherspec.compare.flips_and_slices import GroupChange
from teacherspec.compare.paired_tests import PairedTest
from teacherspec.compare.prediction_diff import PredictionDiff
from teacherspec.compare.report.html import as_html
from teacherspec.compare.report.markdown import as_markdown
from teacherspec.compare.report_curves import Curve
from teacherspec.compare.reported_numbers import Number
from teacherspec.compare.seed_noise import SeedComparison
from teacherspec.compare.stage_changes import StageBuild
from teacherspec.metrics.scores.intervals import Interval
from teacherspec.metrics.seed_variance import Trainings
from teacherspec.package.quality_gates import Measurement
from teacherspec.prepare.dataset_diff import Changes
from tests.toys.hostile import BEACON, LINK, QUOTES, TAG, live_in_html, live_in_markdown


def paired(metric: str, change: float, q: float) -> PairedTest:
    interval = Interval(change, change - 0.01, change + 0.01)
    return PairedTest(metric, 100, 0.5, 0.5 + change, interval, q, q, "paired bootstrap")


TESTS = (
    paired("evaluate.test.accuracy", 0.1, 0.01),
    paired("evaluate.shifted.accuracy", -0.1, 0.01),
    paired("evaluate.test.nll", 0.1, 0.01),
    paired("calibrate.test.ece.after", 0.005, 0.6),
)
GROUPS = (
    GroupChange(f"label = {TAG}", 40, 0.5, 0.9, 0, 16, 0.001, 0.001),
    GroupChange("label = still", 40, 0.5, 0.5, 0, 0, 1.0, 1.0),
)
CURVE = Curve(
    "Risk and coverage", "coverage", "risk", False, ((0.5, 0.1), (1.0, 0.4)), ((0.5, 0.0), (1.0, 0.2))
)
DIFF = TeacherDiff(
    base="main (11111111)",
    head=f"pr-{TAG}",
    missing_commits=None,
    params=(),
    environment=(),
    stages=(StageBuild(f"train {TAG} {BEACON}", "rebuilt", (LINK,)),),
    numbers=(
        Number("evaluate.loss_ratio", Measurement(1.0), Measurement(1.5)),
        Number("evaluate.train.accuracy", Measurement(0.5, 0.4, 0.6), Measurement(0.9, 0.8, 1.0)),
        Number("evaluate.test.accuracy", Measurement(0.5), Measurement(0.6)),
        Number(f"evaluate.{BEACON}", Measurement(1), Measurement(2)),
    ),
    gates=(),
    same_predictions=False,
    predictions=PredictionDiff(TESTS, ("evaluate.test.brier",), classes=GROUPS),
    data=Changes((TAG,), (LINK,), (), {QUOTES: (BEACON, None)}, {}, 5, {BEACON: (1, 2)}, {"test": (3, 3)}),
    same_data=False,
    curves=(CURVE,),
    images=(),
    not_compared=(f"texts: {BEACON} {TAG}",),
)


def part(page: str, title: str) -> str:
    """The section with this title."""
    return page.split(f"<h2>{title}</h2>")[1].split("<h2>")[0]


def test_what_moved_is_first_and_the_rest_is_folded() -> None:
    section = part(as_html(DIFF), "Metrics on the same rows")
    shown, _, folded = section.partition("<details>")
    for name, word in (("test.accuracy", "better"), ("shifted.accuracy", "worse"), ("test.nll", "worse")):
        assert re.search(rf"evaluate\.{name}</code></td><td class=\"short {word}\"", shown)
    assert "calibrate.test.ece.after" not in shown
    assert "calibrate.test.ece.after" in folded
    assert "evaluate.test.brier" in folded
    for words in ("0 (0 to 0)", "p = 1", "may be chance"):
        assert words not in as_html(DIFF) + as_markdown(DIFF)


def test_better_is_to_the_right_on_one_scale_for_each_unit() -> None:
    section = part(as_html(DIFF), "Metrics on the same rows")
    found = re.findall(r"<tr><td><code>([\w.]+)</code>.*?x=\"([\d.]+)\" width=\"2\"", section, re.DOTALL)
    marks = {name: float(place) for name, place in found}
    middle = 49
    assert marks["evaluate.test.accuracy"] - middle == pytest.approx(48 / 1.1, abs=0.1)
    assert middle - marks["evaluate.shifted.accuracy"] == pytest.approx(48 / 1.1, abs=0.1)
    assert marks["evaluate.test.nll"] < middle
    assert middle - marks["calibrate.test.ece.after"] == pytest.approx(48 * 0.005 / 0.11, abs=0.1)


def test_other_numbers_show_first_what_left_the_interval_and_never_a_tested_metric_again() -> None:
    section = part(as_html(DIFF), "Other numbers of the reports")
    shown, _, folded = section.partition("<details>")
    assert "evaluate.train.accuracy" in shown
    assert "evaluate.loss_ratio" in folded
    assert "evaluate.test.accuracy" not in section


def test_curves_of_both_sides_share_their_axes() -> None:
    assert CURVE.top == 0.4
    section = part(as_html(DIFF), "Calibration")
    assert 'class="line base" points="50.00,75.00 100.00,0.00"' in section
    assert 'class="line head" points="50.00,100.00 100.00,50.00"' in section


def test_recipes_are_compared_over_their_seeds() -> None:
    several, one = Trainings(0.8, 0.02, 5), Trainings(0.81, 0.0, 1)
    noise = SeedComparison("evaluate.test.accuracy", several, one, Interval(0.01, -0.04, 0.06), 0.6, 0.6)
    diff = replace(DIFF, seeds=(noise,))
    markdown, section = as_markdown(diff), part(as_html(diff), "Over seeds")
    assert "over seeds 0.8 ± 0.02 (5) → 0.81: **within seed noise**, +0.01 (-0.04 to +0.06)" in markdown
    assert "## Over seeds" in markdown
    assert "within seed noise" in section
    assert "0.8 ± 0.02 (5)" in section
    assert "Over seeds" not in as_html(DIFF) + as_markdown(DIFF)


def test_nothing_from_data_is_live_on_the_page_or_in_markdown() -> None:
    assert not {"img", "a", "script"} & set(live_in_html(as_html(DIFF)))
    assert "evil.example" in as_html(DIFF)
    assert not live_in_markdown(as_markdown(DIFF))


def test_groups_without_any_change_are_no_section() -> None:
    still = replace(DIFF, predictions=replace(DIFF.predictions, classes=GROUPS[1:]))
    for render in (as_html, as_markdown):
        assert "changed significantly" not in render(still)
        assert "changed significantly" in render(DIFF)


@pytest.mark.parametrize(("after", "warns"), [(0.0, True), (0.6, False)])
def test_a_changed_share_of_abstention_is_a_headline(after: float, warns: bool) -> None:
    number = Number("calibrate.test.abstention.coverage", Measurement(0.7), Measurement(after))
    gain = Number("evaluate.gain.test.accuracy", Measurement(0.1, 0.0, 0.2), Measurement(0.1, 0.0, 0.2))
    top = as_markdown(replace(DIFF, numbers=(number, gain))).split("##")[0]
    assert ("abstains from every row" in top) == warns
    assert f"0.7 → {after:g}" in top
    assert "over the untrained base: 0.1 (0 to 0.2), as before" in top
    unchanged = replace(DIFF, numbers=(replace(number, after=number.before), gain))
    assert "abstention" not in as_markdown(unchanged).split("##")[0]
