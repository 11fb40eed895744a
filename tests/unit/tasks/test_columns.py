import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.tasks.shared.columns.base import ColumnError, nearest, shown
from teacherspec.tasks.shared.columns.label import LabelColumn
from teacherspec.tasks.shared.columns.text import TextColumn, normalised
from teacherspec.text.unicode_forms import is_blank

TEXT = TextColumn("text", max_characters=20)
LABEL = LabelColumn("label", ("refund", "card_lost", "01"))


@pytest.mark.parametrize("text", ["hello", "NA", "a\tb\nc", "\u00e9", "\U0001f600", "x" * 20, "\ufeffhi"])
def test_a_text_is_stored_as_given(text: str) -> None:
    assert TEXT.read(text) == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "must be a text (given None)"),
        (5, "must be a text (given 5)"),
        (["a"], "must be a text"),
        ("", "is blank"),
        (" \n\t\u00a0", "is blank"),
        ("\u200b\u2060", "is blank"),
        ("a\x00b", "a control character (U+0000) at character 2"),
        ("\x1b[31mred", "a control character (U+001B) at character 1"),
        ("ok \ud83d", "half of a surrogate pair (U+D83D) at character 4"),
        ("x" * 21, "has 21 characters (allowed: 20)"),
    ],
)
def test_a_text_that_is_invalid_is_refused(value: object, message: str) -> None:
    with pytest.raises(ColumnError) as refusal:
        TEXT.read(value)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "must be a text or a whole number"),
        (True, "must be a text or a whole number"),
        (1.0, "must be a text or a whole number"),
        (float("nan"), "must be a text or a whole number"),
        ("", "is blank"),
        ("refund ", "has spaces around it"),
        ("refnud", "did you mean 'refund'?"),
        ("1", "differs from the declared '01' only in the way a number is written"),
        (1, "is not a declared label (given '1'"),
        ("Refund", "given 'Refund', which differs from the declared 'refund' only in case"),
    ],
)
def test_a_label_that_is_invalid_is_refused(value: object, message: str) -> None:
    with pytest.raises(ColumnError) as refusal:
        LABEL.read(value)
    assert message in str(refusal.value)


def test_any_plain_label_serves_where_none_are_declared() -> None:
    free = LabelColumn("label")
    assert [free.read(value) for value in ("01", 1, -3)] == ["01", 1, -3]


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_unicode_form_does_not_make_another_text(text: str) -> None:
    forms = {normalised(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert len(forms) == 1
    assert TEXT.key(text) == normalised(text).encode()


@given(st.text(max_size=30))
def test_blank_means_that_nothing_can_be_seen(text: str) -> None:
    assert is_blank(text + " \t") == is_blank(text)
    assert not is_blank(text + "x")


@given(st.text())
def test_shown_values_stay_on_one_short_line(text: str) -> None:
    assert len(shown(text).splitlines()) <= 1
    assert len(shown(text)) <= 61


def test_many_allowed_names_are_not_all_listed() -> None:
    names = [f"intent_{number}" for number in range(77)]
    assert nearest("intnet_3", names) == "did you mean 'intent_3'? 77 names are declared in task.label_names"
