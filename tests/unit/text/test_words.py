"""Words of many scripts."""

# ruff: noqa: E501 - texts as codes, one a line

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.text.words import (
    han_share,
    is_unspaced,
    latin_share,
    unspaced_share,
    words,
    words_and_punctuation,
)

TEXTS = {
    "english": ("it's 3.5 o'clock", ["it", "s", "3", "5", "o", "clock"]),
    "chinese": ("\u6211\u4eec\u53bb\u3002ok", ["\u6211", "\u4eec", "\u53bb", "ok"]),
    "a name within": ("a\u6211b", ["a", "\u6211", "b"]),
    "japanese": ("\u304c\u30ab", ["\u304c", "\u30ab"]),
    "half-width kana": ("\uff76\uff9e", ["\uff76", "\uff9e"]),
    "korean": ("\ud55c\uad6d\uc5b4 \ub9d0", ["\ud55c\uad6d\uc5b4", "\ub9d0"]),
    "hindi": ("\u0928\u092e\u0938\u094d\u0924\u0947 \u0914\u0930", ["\u0928\u092e\u0938\u094d\u0924\u0947", "\u0914\u0930"]),
    "arabic": ("\u0645\u064e\u0631\u062d\u0628\u0627", ["\u0645\u064e\u0631\u062d\u0628\u0627"]),
    "thai": ("\u0e01\u0e34\u0e19", ["\u0e01\u0e34", "\u0e19"]),
    "burmese": ("\u1019\u103c\u1014\u103a", ["\u1019\u103c", "\u1014\u103a"]),
    "rare characters": ("\U00020000\U00020001", ["\U00020000", "\U00020001"]),
    "decomposed": ("e\u0301tude", ["e\u0301tude"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(st.characters(max_codepoint=0x24F)))
def test_words_of_latin_texts_are_those_of_a_regular_expression(text: str) -> None:
    assert words(text) == re.findall(r"\w+", text)
    assert words_and_punctuation(text) == re.findall(r"\w+|[^\w\s]", text)


@given(st.text())
def test_no_letter_is_lost(text: str) -> None:
    assert [c for c in "".join(words(text)) if c.isalnum()] == [c for c in text if c.isalnum()]


def test_shares_of_scripts() -> None:
    assert unspaced_share(["\u6211\u4eec ab"]) == han_share(["\u6211\u4eec ab"]) == 0.5
    assert (unspaced_share(["\u304c\u6211"]), han_share(["\u304c\u6211"])) == (1.0, 0.5)
    assert latin_share(["\u00e9t\u00e9 12", "\u0434\u0430!"]) == 5 / 7
    assert (unspaced_share([]), latin_share([""])) == (0.0, 1.0)
    assert is_unspaced("\u0e01\u0e34")
    assert not is_unspaced("ab")
