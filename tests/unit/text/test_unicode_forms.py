"""Normalised texts are those of Unicode, whatever their marks."""

import sys
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.text.unicode_forms import _long_runs_of_marks, is_blank, unicode_form

LETTERS = "aé한ﬁ１\u1100 "
MARKS = "\u0301\u0316\u0345\u0f73\u0344\u3099\u0591\u20d0"
"""Among them one that decomposes into two, and one that counts as no mark before it is decomposed."""


@pytest.mark.parametrize("form", ["NFC", "NFKC"])
@given(st.lists(st.tuples(st.sampled_from(LETTERS), st.text(MARKS, max_size=80)), max_size=4))
def test_the_form_is_that_of_unicodedata(form: Literal["NFC", "NFKC"], parts: list[tuple[str, str]]) -> None:
    text = "".join(letter + marks for letter, marks in parts)
    assert unicode_form(form, text) == unicodedata.normalize(form, text)


def test_long_runs_of_marks_reach_the_library_in_their_final_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then its insertion sort has nothing to move, however long they are."""
    given_to: list[str] = []
    real = unicodedata.normalize
    monkeypatch.setattr(
        unicodedata, "normalize", lambda form, text: given_to.append(text) or real(form, text)
    )
    unicode_form("NFC", "a" + "\u0301\u0316" * 50_000)
    classes = [unicodedata.combining(mark) for mark in given_to[-1][1:]]
    assert classes == sorted(classes)
    assert len(classes) == 100_000


@pytest.mark.parametrize(
    ("text", "blank"), [("", True), ("\u200b \xad", True), ("\u200ba", False), ("1", False)]
)
def test_texts_of_invisible_characters_are_blank(text: str, blank: bool) -> None:
    assert is_blank(text) is blank


def test_no_mark_is_overlooked() -> None:
    marks = [character for character in map(chr, range(sys.maxunicode)) if unicodedata.combining(character)]
    assert len(marks) > 900
    assert all(_long_runs_of_marks().fullmatch(mark * 31) for mark in marks)
