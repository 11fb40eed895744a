"""Weak slices are found where they were planted, and nowhere else."""

from itertools import combinations, product
from math import comb
from typing import Any

import numpy as np
import pytest

from teacherspec.evaluate.classification.analysis import all_slices, automatic_features
from teacherspec.evaluate.classification.eval_table import EvalTable
from teacherspec.evaluate.slices import (
    COLUMNS,
    Slice,
    drop_subsumed,
    measure_slices,
    pair_slices,
    single_slices,
)
from teacherspec.evaluation_rows.slice_features import SlicingFeature, by_value
from teacherspec.metrics.multiple_testing import adjusted, fisher_exact
from teacherspec.spec.evaluate import ColumnSlices, Evaluate
from tests.unit.evaluate.toy_runs import drawn, measured

LEVEL = {"confidence": 0.95, "false_discovery_rate": 0.05}


def by_hand(hits: int, rows: int, other_hits: int, other_rows: int) -> float:
    """Fisher's two-sided p-value by its definition: all tables at most as likely as the one seen."""
    total, right = rows + other_rows, hits + other_hits
    likely = [comb(right, k) * comb(total - right, rows - k) for k in range(rows + 1) if k <= right]
    seen = comb(right, hits) * comb(total - right, rows - hits)
    return sum(ways for ways in likely if ways <= seen) / comb(total, rows)


@pytest.mark.parametrize("table", [(3, 4, 1, 4), (0, 5, 9, 10), (7, 9, 20, 40), (5, 5, 5, 5), (0, 3, 0, 9)])
def test_fisher_agrees_with_its_definition(table: tuple[int, int, int, int]) -> None:
    assert fisher_exact(*table) == pytest.approx(by_hand(*table))


def test_a_family_may_be_empty() -> None:
    assert adjusted([]) == []
    assert measure_slices([], np.array([True, False]), "declared", **LEVEL) == []


def planted(rows: int = 600, seed: int = 0) -> tuple[Any, list[str], list[str]]:
    """Right nine times in ten, but only four in ten where channel is mail and style is terse."""
    draw = np.random.default_rng(seed)
    channel = draw.choice(["app", "mail", "phone"], rows).tolist()
    style = draw.choice(["plain", "terse"], rows).tolist()
    hard = np.array([c == "mail" and s == "terse" for c, s in zip(channel, style, strict=True)])
    return draw.random(rows) < np.where(hard, 0.4, 0.9), channel, style


def rows_of(correct: Any, channel: list[str], style: list[str]) -> EvalTable:
    labels = np.random.default_rng(1).integers(0, 3, len(correct))
    predicted = np.where(correct, labels, (labels + 1) % 3)
    return measured(labels.tolist(), predicted.tolist(), columns={"channel": channel, "style": style})


def test_a_planted_crossing_is_discovered_once() -> None:
    correct, channel, style = planted()
    found, combinations_tested = all_slices(Evaluate(slices=()), rows_of(correct, channel, style))
    weak = [one for one in found if one.weak]
    assert {"channel = mail", "style = terse"} in [set(one.slice.conditions) for one in weak]
    assert len(weak) <= 3, "what the crossing explains is not told again for every other feature"
    assert all(one.family == "discovered" for one in weak)
    assert combinations_tested > len(weak)


def test_a_declared_slice_is_tested_in_its_own_family() -> None:
    correct, channel, style = planted()
    section = Evaluate(slices=(ColumnSlices(kind="column", column="channel"),), discover_slices=False)
    found, tested = all_slices(section, rows_of(correct, channel, style))
    assert tested == 0
    mail = found[0]
    assert (mail.slice.name, mail.family, mail.weak) == ("channel = mail", "declared", True)
    inside = np.array([value == "mail" for value in channel])
    assert mail.accuracy.value == correct[inside].mean()
    assert mail.elsewhere == correct[~inside].mean()
    assert mail.accuracy.low < mail.accuracy.value < mail.accuracy.high
    assert mail.p_value <= mail.q_value
    line = dict(zip(COLUMNS, mail.row(), strict=True))
    assert line["rows"] == inside.sum()
    assert line["weak"] == "true"


def test_chance_is_rarely_called_weak() -> None:
    """Nothing is planted: the false discovery rate bounds the share of runs with any weak slice."""
    alarms = 0
    for seed in range(30):
        draw = np.random.default_rng(1000 + seed)
        part = drawn(300, seed, columns={"channel": draw.choice(["a", "b", "c"], 300).tolist()})
        found, _ = all_slices(Evaluate(min_slice_rows=10), part)
        alarms += any(one.weak for one in found)
    assert alarms <= 6, "two families at 5 % each, and exact tests are on the safe side"


def test_confidence_does_not_help_others_through() -> None:
    """Slices by confidence are certain to differ; counted with the rest they would loosen its threshold."""
    draw = np.random.default_rng(5)
    labels = draw.integers(0, 3, 400)
    correct = draw.random(400) < 0.8
    predicted = np.where(correct, labels, (labels + 1) % 3)
    part = measured(labels.tolist(), predicted.tolist(), confidence=np.where(correct, 0.95, 0.45))
    both, _ = all_slices(Evaluate(discover_slices=False), part)
    bare, _ = all_slices(Evaluate(discover_slices=False, slices=Evaluate().slices[:2]), part)
    assert {one.family for one in both} == {"declared", "confidence"}
    kept = {one.slice.name: one.q_value for one in both if one.family == "declared"}
    assert kept == {one.slice.name: one.q_value for one in bare}


def test_pairs_are_all_pairs() -> None:
    draw = np.random.default_rng(0)
    features = [by_value(name, draw.choice(["a", "b", "c"], 60).tolist()) for name in ("x", "y", "z")]
    features[1] = SlicingFeature("y", features[1].slices, np.where(np.arange(60) < 5, -1, features[1].codes))
    expected = {}
    for first, second in combinations(features, 2):
        for i, j in product(range(3), range(3)):
            rows = (first.codes == i) & (second.codes == j)
            if rows.sum() >= 6:
                expected[first.slices[i], second.slices[j]] = rows.tolist()
    found = {part.conditions: part.rows().tolist() for part in pair_slices(features, 6)}
    assert found == expected


def test_whole_and_empty_slices_are_not_tested() -> None:
    feature = SlicingFeature("x", ("x = a", "x = b"), np.zeros(10, dtype=np.int64))
    assert list(single_slices([feature])) == []
    assert list(pair_slices([feature, feature], 1)) == []


def first(*features: str | int) -> Slice:
    """The slice of 200 rows that lies in the first so many by each feature."""
    named = zip(features[::2], features[1::2], strict=True)
    cut = [
        SlicingFeature(str(name), (f"{name} = in",), np.where(np.arange(200) < rows, 0, -1))
        for name, rows in named
    ]
    return Slice(tuple(cut), (0,) * len(cut))


def test_what_a_simpler_slice_explains_is_dropped() -> None:
    correct = np.ones(200, dtype=bool)
    correct[:60:2] = False  # rows 0-59 are right half of the time, evenly
    wide, nested, nearly = first("x", 60), first("x", 60, "y", 40), first("z", 62)
    tested = measure_slices([wide, nested, nearly], correct, "discovered", **LEVEL)
    assert all(one.weak for one in tested)
    kept = drop_subsumed(tested, [], correct)
    assert [one.slice.name for one in kept] == ["x = in"]
    assert drop_subsumed(tested, [tested[0]], correct) == [], "declared ones are not told twice"


def test_a_worse_core_is_kept() -> None:
    correct = np.ones(200, dtype=bool)
    correct[:30] = False  # wrong at the core,
    correct[30:60:5] = False  # less so around it
    wide, core = first("x", 60), first("x", 60, "y", 30)
    tested = measure_slices([wide, core], correct, "discovered", **LEVEL)
    assert [one.slice.name for one in drop_subsumed(tested, [], correct)] == ["x = in", "x = in & y = in"]


def test_small_slices_are_not_discovered() -> None:
    correct, channel, style = planted()
    found, _ = all_slices(Evaluate(slices=(), min_slice_rows=150), rows_of(correct, channel, style))
    assert found
    assert all(one.rows >= 150 for one in found)


def test_automatic_features_do_not_depend_on_the_answers() -> None:
    right, wrong = drawn(50, 0, right=1.0), drawn(50, 0, right=0.0)
    for one, other in zip(automatic_features(right), automatic_features(wrong), strict=True):
        assert one.slices == other.slices
        assert (one.codes == other.codes).all()
