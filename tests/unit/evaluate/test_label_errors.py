"""Wrong labels and telling rows come out on top."""

import numpy as np

from teacherspec.evaluate.classification.label_errors import (
    EXAMPLE_COLUMNS,
    EXCERPT,
    LABEL_COLUMNS,
    SHOWN,
    excerpt,
    hard_examples,
    label_suspects,
)
from tests.unit.evaluate.toy_runs import drawn, measured


def test_swapped_labels_are_found_in_their_splits() -> None:
    truth = [i % 3 for i in range(60)]
    swapped = {"test": [4, 31], "validation": [10]}
    sure = np.full(60, 0.7)
    sure[[4, 31, 10]] = 0.9, 0.95, 0.85
    splits = {}
    for name in ("validation", "test"):
        labels = [(label + 1) % 3 if i in swapped[name] else label for i, label in enumerate(truth)]
        splits[name] = measured(labels, truth, confidence=sure)
    found = label_suspects(splits)
    assert {(one.split, one.id) for one in found} == {
        ("test", "r0004"), ("test", "r0031"), ("validation", "r0010"),
    }  # fmt: skip
    first = found[0]
    assert (first.split, first.id) == ("test", "r0031"), "the surest doubt first"
    assert (first.label, first.suggested) == ("wet", "hot"), "row 31 was hot"
    assert first.suggested_probability > 0.7 > first.label_probability
    assert [one.quality for one in found] == sorted(one.quality for one in found)
    assert len(first.row()) == len(LABEL_COLUMNS)


def test_right_labels_are_not_doubted() -> None:
    assert label_suspects({"test": measured([0, 1, 2] * 10, [0, 1, 2] * 10)}) == []


def test_the_surest_mistakes_and_the_closest_calls() -> None:
    sure = [0.9, 0.5, 0.8, 0.6, 0.7, 0.42]
    part = measured([0, 0, 0, 1, 1, 2], [1, 0, 2, 1, 0, 2], confidence=sure)
    found = hard_examples(part)
    wrong = [one for one in found if one.kind == "confidently_wrong"]
    close = [one for one in found if one.kind == "undecided"]
    assert [one.id for one in wrong] == ["r0000", "r0002", "r0004"]
    assert [one.id for one in close] == ["r0005", "r0001", "r0003", "r0004", "r0002", "r0000"]
    assert (wrong[0].label, wrong[0].predicted, wrong[0].rank) == ("cold", "hot", 1)
    assert len(wrong[0].row()) == len(EXAMPLE_COLUMNS)


def test_lists_are_short() -> None:
    found = hard_examples(drawn(500, seed=0, right=0.5))
    assert len(found) == 2 * SHOWN


def test_a_perfect_model_has_no_mistakes_to_show() -> None:
    found = hard_examples(drawn(10, seed=0, right=1.0))
    assert {one.kind for one in found} == {"undecided"}


def test_excerpts_are_one_short_line() -> None:
    assert excerpt(" a\n\tb ") == "a b"
    assert len(excerpt("word " * 200)) == EXCERPT
