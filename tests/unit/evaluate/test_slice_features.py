"""Every row lies in exactly the slice that its value says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from teacherspec.errors import DataError
from teacherspec.evaluate.slice_features import (
    NOWHERE,
    Facet,
    by_confidence,
    by_edges,
    by_label,
    by_quartiles,
    by_value,
    facets_of_columns,
    facets_of_text,
)
from teacherspec.spec.evaluate import Evaluate


def places(facet: Facet) -> list[str]:
    return ["nowhere" if code == NOWHERE else facet.slices[code] for code in facet.codes]


def test_values_are_slices() -> None:
    facet = by_value("channel", ["mail", None, "app", "mail", 3])
    assert facet.slices == ("channel = 3", "channel = app", "channel = mail")
    assert places(facet) == ["channel = mail", "nowhere", "channel = app", "channel = mail", "channel = 3"]


def test_too_many_values_are_refused() -> None:
    with pytest.raises(DataError, match="column ticket has 201 distinct values"):
        by_value("ticket", list(range(201)))


def test_edges_belong_to_the_slice_above() -> None:
    facet = by_edges("age", [1, 2, 3, None, math.nan, 10], [2, 3])
    assert places(facet) == ["age < 2", "age 2 to < 3", "age ≥ 3", "nowhere", "nowhere", "age ≥ 3"]


def test_texts_have_no_edges() -> None:
    with pytest.raises(DataError, match="column age holds texts"):
        by_edges("age", ["1", "2"], [1])


@given(st.lists(st.integers(-5, 20), min_size=1, max_size=60))
def test_quartiles_lose_no_row_and_leave_no_slice_empty(values: list[int]) -> None:
    facet = by_quartiles("n", values)
    assert sorted(set(facet.codes.tolist())) == list(range(len(facet.slices)))
    assert 1 <= len(facet.slices) <= 4
    in_order = facet.codes[np.argsort(values, kind="stable")]
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
    looks = {facet.name: places(facet) for facet in facets_of_text(texts)}
    assert looks["ending"] == [
        "ending = ?", "ending = no punctuation", "ending = !",
        "ending = .", "ending = other punctuation", "ending = .",
    ]  # fmt: skip
    assert looks["capitals"] == [
        f"capitals = {word}" for word in ("some", "none", "mostly", "none", "none", "none")
    ]
    assert [place.endswith("yes") for place in looks["digits"]] == [False, False, True, False, False, True]
    assert looks["lines"].count("lines = several") == 1


def test_columns_are_cut_by_what_they_hold() -> None:
    facets = facets_of_columns(
        {
            "channel": ["a", "b"] * 150,
            "age": list(range(300)),
            "ticket": [f"t{i}" for i in range(300)],
            "empty": [None] * 300,
        }
    )
    assert [(facet.name, len(facet.slices)) for facet in facets] == [("channel", 2), ("age", 4), ("empty", 0)]


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
