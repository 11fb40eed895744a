"""Names that look alike are found, with what they differ in; names that differ to the eye are not."""

import pytest

from teacherspec.text.look_alikes import difference, look_alikes, seen

ALIKE = {
    ("late delivery", "late\u00a0delivery"): "white space",
    ("late delivery", "late  delivery"): "white space",
    ("late delivery", "late\tdelivery"): "white space",
    ("late delivery", "late\u3000delivery"): "white space",
    ("caf\u00e9", "cafe\u0301"): "the Unicode form (NFC or NFD)",
    ("\ud55c", "\u1112\u1161\u11ab"): "the Unicode form (NFC or NFD)",
    ("ant", "a\u200bnt"): "invisible characters",
    ("ant", "an\u00adt"): "invisible characters",
    ("ant", "\ufeffant"): "invisible characters",
    ("ant", "ant\u200f"): "invisible characters",
    ("\u2764", "\u2764\ufe0f"): "invisible characters",
    ("ant", "Ant"): "case",
    ("stra\u00dfe", "strasse"): "case",
    ("ant", "\uff41\uff4e\uff54"): "full-width or other compatible forms",
    ("file", "\ufb01le"): "full-width or other compatible forms",
    ("a-b", "a\u2010b"): "dashes or quotes",
    ("won't", "won\u2019t"): "dashes or quotes",
    ("cope", "\u0441\u043e\u0440\u0435"): "letters of another alphabet that look the same",
    ("BMW", "\u0412\u041cW"): "letters of another alphabet that look the same",
    ("OK", "\u039f\u039a"): "letters of another alphabet that look the same",
    ("Late delivery", "late\u00a0deli\u200bvery"): "invisible characters and white space and case",
}
DISTINCT = [("a1", "al"), ("O", "0"), ("new york", "newyork"), ("\u0432", "b"), ("\u00e9", "e"), ("C", "C++"),
            ("\u304b", "\u304c"), ("\u0e01\u0e34", "\u0e01\u0e35"), ("1.0", "10")]  # fmt: skip


@pytest.mark.parametrize(("pair", "words"), ALIKE.items(), ids=map(ascii, ALIKE))
def test_names_that_look_alike(pair: tuple[str, str], words: str) -> None:
    assert look_alikes(["other", *pair, "another"]) == [pair]
    assert difference(*pair) == difference(*reversed(pair)) == words


@pytest.mark.parametrize("pair", DISTINCT)
def test_names_that_differ_to_the_eye(pair: tuple[str, str]) -> None:
    assert look_alikes(pair) == []


def test_what_nobody_can_see_is_less_than_what_looks_alike() -> None:
    unseen = [pair for pair in ALIKE if seen(pair[0]) == seen(pair[1])]
    assert len(unseen) == 11
    assert ("ant", "Ant") not in unseen
