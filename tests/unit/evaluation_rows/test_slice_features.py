"""Every row lies in exactly the slice that its value says."""

import json
import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from teacherspec.errors import DataError
from teacherspec.evaluate.classification.declared_slices import FEATURES, declared_feature
from teacherspec.evaluation_rows.slice_features import (
    LENGTH,
    NO_SLICE,
    SlicingFeature,
    by_confidence,
    by_edges,
    by_label,
    by_quartiles,
    by_value,
    column_features,
    text_style_features,
)
from teacherspec.spec.evaluate import Evaluate, Slices
from tests.unit.evaluate.toy_runs import drawn


def places(feature: SlicingFeature) -> list[str]:
    return ["none" if code == NO_SLICE else feature.slices[code] for code in feature.codes]


def test_values_are_slices() -> None:
    feature = by_value("channel", ["mail", None, "app", "mail", 3])
    assert feature.slices == ("channel = 3", "channel = app", "channel = mail")
    assert places(feature) == ["channel = mail", "none", "channel = app", "channel = mail", "channel = 3"]


def test_too_many_values_are_refused() -> None:
    with pytest.raises(DataError, match="column ticket has 201 distinct values"):
        by_value("ticket", list(range(201)))


def test_edges_belong_to_the_slice_above() -> None:
    feature = by_edges("age", [1, 2, 3, None, math.nan, 10], [2, 3])
    assert places(feature) == ["age < 2", "age 2 to < 3", "age ≥ 3", "none", "none", "age ≥ 3"]


def test_texts_have_no_edges() -> None:
    with pytest.raises(DataError, match="column age holds texts"):
        by_edges("age", ["1", "2"], [1])


@given(st.lists(st.integers(-5, 20), min_size=1, max_size=60))
def test_quartiles_lose_no_row_and_leave_no_slice_empty(values: list[int]) -> None:
    feature = by_quartiles("n", values)
    assert sorted(set(feature.codes.tolist())) == list(range(len(feature.slices)))
    assert 1 <= len(feature.slices) <= 4
    in_order = feature.codes[np.argsort(values, kind="stable")]
    assert (np.diff(in_order) >= 0).all(), "larger values lie in later slices"


def test_quartiles_of_nothing() -> None:
    assert by_quartiles("n", [None, None]).slices == ()


def test_labels_keep_classes_that_do_not_occur() -> None:
    assert by_label(np.array([2, 0]), ("a", "b", "c")).slices == ("label = a", "label = b", "label = c")


def test_only_confidence_is_of_the_model() -> None:
    assert by_confidence(np.array([0.4, 0.9]), [0.5, 0.9]).of_model
    assert not by_value("channel", ["a", "b"]).of_model


def test_looks_of_a_text() -> None:
    texts = ["Why?", "no", "WHY NOT 3!", "so…", "a\nb)", "42."]
    styles = {feature.name: places(feature) for feature in text_style_features(texts)}
    assert styles["ending"] == [
        "ending = ?", "ending = no punctuation", "ending = !",
        "ending = .", "ending = other punctuation", "ending = .",
    ]  # fmt: skip
    assert styles["capitals"] == [
        f"capitals = {word}" for word in ("some", "none", "mostly", "none", "none", "none")
    ]
    assert [place.endswith("yes") for place in styles["digits"]] == [False, False, True, False, False, True]
    assert styles["lines"].count("lines = several") == 1


def test_columns_are_cut_by_what_they_hold() -> None:
    features = column_features(
        {
            "channel": ["a", "b"] * 150,
            "age": list(range(300)),
            "ticket": [f"t{i}" for i in range(300)],
            "empty": [None] * 300,
        }
    )
    assert [(feature.name, len(feature.slices)) for feature in features] == [
        ("channel", 2),
        ("age", 4),
        ("empty", 0),
    ]


def test_every_kind_of_declared_slices_has_its_feature() -> None:
    kinds, _ = get_args(Slices)
    assert set(FEATURES) == set(get_args(kinds))
    table = drawn(60, seed=0, columns={"age": list(range(60))})
    declared = [
        {"kind": "column", "column": "age", "edges": [20]},
        {"kind": "length", "edges": [7]},
        {"kind": "label"},
        {"kind": "confidence", "edges": [0.5]},
    ]
    section = Evaluate.model_validate_json(json.dumps({"slices": declared}))
    features = [declared_feature(slices, table) for slices in section.slices]
    assert [feature.name for feature in features] == ["age", LENGTH, "label", "confidence"]
    assert [feature.of_model for feature in features] == [False, False, False, True]
    assert (features[0].codes == [0] * 20 + [1] * 40).all()
    assert (features[1].codes == [int(len(text) >= 7) for text in table.texts]).all()


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ('{"slices": [{"kind": "length", "edges": [40, 40]}]}', "edges must ascend"),
        ('{"slices": [{"kind": "column", "column": "a", "edges": []}]}', "at least 1"),
        ('{"slices": [{"kind": "column"}]}', "column"),
        ('{"slices": [{"kind": "label"}, {"kind": "label"}]}', "twice"),
        ('{"slices": [{"kind": "weather"}]}', "weather"),
        ('{"perturbations": ["typos", "typos"]}', "twice"),
    ],
)
def test_wrong_declarations_are_refused(declared: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Evaluate.model_validate_json(declared)
