"""Perturbed texts differ, stay texts, and differ the same way every time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teacherspec.evaluate.perturbations import CHANGES
from teacherspec.evaluate.text_perturbations import case, punctuation, typos
from teacherspec.tasks.shared.columns.text import TextColumn

visible = st.text(min_size=1, max_size=80).filter(lambda text: bool(text.strip()))


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", sorted(CHANGES[TextColumn]))
@given(text=visible, seed=st.integers(0, 1000))
def test_a_change_is_repeatable_and_never_blank(name: str, text: str, seed: int) -> None:
    change = CHANGES[TextColumn][name]
    once, twice = change(text, draw(seed)), change(text, draw(seed))
    assert once == twice
    assert once.strip()


@given(st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=2, unique=True), st.integers(0, 1000))
def test_typos_change_some_letters(letters: list[str], seed: int) -> None:
    text = "".join(letters)
    changed = typos(text, draw(seed))
    assert changed != text
    assert len(set(changed) & set(text)) >= len(text) // 2
    assert abs(len(changed) - len(text)) <= len(text) // 2


def test_typos_leave_all_but_letters() -> None:
    assert {"".join(c for c in typos("a1 b2, c3!", draw(seed)) if not c.isalpha()) for seed in range(30)} <= {
        "1 2, 3!"
    }


def test_typos_come_in_all_kinds() -> None:
    seen = {typos("hunt", draw(seed)) for seed in range(200)}
    assert seen >= {"hun", "huunt", "hnut", "gunt"}, "dropped, doubled, swapped, hit beside"
    assert "hunt" not in seen, "a short word that can change does"


def test_letters_without_a_keyboard_are_mistyped_too() -> None:
    assert all(typos("日本", draw(seed)) != "日本" for seed in range(20))
    assert typos("12 34!", draw()) == "12 34!", "no letters, no typos"


def test_case_always_differs_where_it_can() -> None:
    assert {case("Hello", draw(seed)) for seed in range(20)} == {"hello", "HELLO"}
    assert case("hello", draw()) == "HELLO"
    assert case("123", draw()) == "123"


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Hello, world!", "Hello world"),
        ("and/or", "and or"),
        ("can't", "cant"),
        ("10.5 or 10:30, not 7.", "10.5 or 10:30 not 7"),
        ("“quoted” – so", "quoted  so"),
        ("(x) ends.", "x ends"),
    ],
)
def test_punctuation_goes(text: str, bare: str) -> None:
    assert punctuation(text, draw()) == bare


def test_punctuation_comes_where_there_was_none() -> None:
    assert {punctuation("no marks ", draw(seed)) for seed in range(60)} == {
        "no marks.", "no marks!", "no marks?", "no marks...", "no marks !!",
    }  # fmt: skip
    assert punctuation("?!", draw()) == "?!", "nothing would stay"
