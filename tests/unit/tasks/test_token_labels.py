"""Columns with the labels of tokens: what is read, and what is refused, all at once."""

from typing import Any

import pytest

from teacherspec.tasks.shared.columns.base import ColumnError
from teacherspec.tasks.shared.columns.row_checks import OneTagEach, SpansFitText
from teacherspec.tasks.shared.columns.token_labels import SpansColumn, TagsColumn
from teacherspec.tasks.shared.columns.tokens import TokensColumn

TYPES = ("ITEM", "DATE")


def refusal(read: Any, *given: Any) -> str:
    with pytest.raises(ColumnError) as caught:
        read(*given)
    return str(caught.value)


def test_tokens_are_stored_as_given() -> None:
    tokens = ["Lx-1", "👍🏽", "北京", "."]
    assert TokensColumn("tokens").read(tokens) == tokens


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ([], "1 to"),
        ("a b", "must be a list"),
        (["a", " "], "token 2 is empty"),
        (["a", ""], "take it out with its tag"),
        (["New York"], "token 1 holds white space"),
        ([3], "must be a text"),
    ],
)
def test_tokens_that_are_invalid_are_refused(value: Any, wanted: str) -> None:
    assert wanted in refusal(TokensColumn("tokens").read, value)


def test_every_wrong_tag_is_named_with_its_place() -> None:
    found = refusal(TagsColumn("tags", TYPES).read, ["O", "B-ITEMS", "S-DATE", 4])
    assert "token 2: 'B-ITEMS' is not a declared tag (did you mean 'B-ITEM'" in found
    assert "token 3: 'S-DATE'" in found
    assert "task.scheme is bio" in found
    assert "token 4: 4" in found


def test_tags_that_the_scheme_does_not_allow_are_refused_or_repaired() -> None:
    given = ["O", "I-ITEM", "I-DATE"]
    found = refusal(TagsColumn("tags", TYPES).read, given)
    assert "token 2: I-ITEM after O: an entity begins with B-ITEM" in found
    assert "token 3: I-DATE after I-ITEM" in found
    assert "task.invalid_tags: repair" in found
    column = TagsColumn("tags", TYPES, invalid_tags="repair")
    assert column.read(given) == ["O", "B-ITEM", "B-DATE"]
    assert column.changes(given)
    assert not column.changes(["O", "B-ITEM", "I-ITEM"])


@pytest.mark.parametrize(
    "given",
    [
        [[10, 14, "DATE"], [0, 4, "ITEM"]],
        [
            {"start": 0, "end": 4, "label": "ITEM"},
            {"start": 10, "end": 14, "label": "DATE", "token_start": 2},
        ],
        [{"start": 0, "end": 4, "labels": ["ITEM"], "text": "sofa"}, (10, 14, "DATE")],
    ],
)
def test_the_spans_of_annotation_tools_are_read(given: Any) -> None:
    assert SpansColumn("spans", TYPES).read(given) == [
        {"start": 0, "end": 4, "label": "ITEM"},
        {"start": 10, "end": 14, "label": "DATE"},
    ]


def test_every_wrong_span_is_named() -> None:
    given = [[0, 4, "ITEMS"], [4, 4, "ITEM"], [-1, 2, "ITEM"], [0, 4], {"start": 1, "label": "ITEM"}]
    found = refusal(SpansColumn("spans", TYPES).read, given)
    for number, wanted in enumerate(
        ("did you mean 'ITEM'", "ends before it holds", "whole numbers", "must be [start", "needs a start"), 1
    ):
        assert f"span {number} " in found
        assert wanted in found


TEXT = "sofa 👍🏽 on 1 May, cafe\u0301"


@pytest.mark.parametrize(
    ("span", "wanted"),
    [
        ([0, 3], "ends inside the word 'sofa' (0 to 4)"),
        ([2, 4], "begins inside the word 'sofa'"),
        ([0, 5], "ends with white space, at character 5; trim it"),
        ([5, 6], "inside what a reader sees as one character"),
        ([18, 22], "inside what a reader sees as one character"),
        ([11, 40], "ends outside the text, which has 23 characters; are they UTF-16 units?"),
    ],
)
def test_a_span_ends_with_words_of_the_text(span: list[int], wanted: str) -> None:
    spans = SpansColumn("spans", TYPES).read([[*span, "ITEM"]])
    assert wanted in refusal(SpansFitText().read, TEXT, spans)


def test_all_spans_that_do_not_fit_are_named_at_once() -> None:
    spans = SpansColumn("spans", TYPES).read(
        [[0, 4, "ITEM"], [0, 7, "ITEM"], [0, 3, "DATE"], [9, 90, "DATE"]]
    )
    found = refusal(SpansFitText().read, TEXT, spans)
    assert "overlaps 0 to 3, DATE" in found
    assert "overlaps 0 to 4, ITEM" in found
    assert "outside the text" in found


def test_utf16_offsets_become_characters() -> None:
    spans = SpansColumn("spans", TYPES).read([[0, 4, "ITEM"], [13, 18, "DATE"]])
    found = SpansFitText("utf16_units").read(TEXT, spans)
    assert [TEXT[one["start"] : one["end"]] for one in found] == ["sofa", "1 May"]


def test_an_utf16_offset_inside_a_surrogate_pair_is_refused() -> None:
    spans = SpansColumn("spans", TYPES).read([[5, 6, "ITEM"]])
    assert "inside a surrogate pair, at UTF-16 unit 6" in refusal(
        SpansFitText("utf16_units").read, TEXT, spans
    )


def test_as_many_tags_as_tokens() -> None:
    found = refusal(OneTagEach().read, ["a", "b"], ["O", "O", "O"])
    assert "3 tags for 2 tokens" in found
    assert OneTagEach().read(["a"], ["O"]) == ["O"]


def test_a_split_without_an_entity_is_refused() -> None:
    import pyarrow as pa

    column = SpansColumn("spans", TYPES)
    found = column.measures([pa.chunked_array([pa.array([[], []], column.arrow_type())])])
    assert "no row holds an entity" in str(column.problem(found))
    some = [[{"start": 0, "end": 4, "label": "ITEM"}], []]
    found = column.measures([pa.chunked_array([pa.array(some, column.arrow_type())])])
    assert found == {
        "rows": 2, "rows_with_entities": 1, "entities": 1, "of type ITEM": 1, "of type DATE": 0,
    }  # fmt: skip
    assert column.problem(found) is None
