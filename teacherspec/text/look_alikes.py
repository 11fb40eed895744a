"""Names that a reader takes for the same although their characters differ.

Full confusability is in the tables of Unicode (UTS #39). Here are the differences that happen to labels: of
case, white space, invisible characters, forms of Unicode, letters of the Cyrillic, Greek and Armenian
alphabets that look like Latin ones, and whole numbers written in several ways (`1`, `01` and `1.0`: what
spreadsheets and data frames make of a column that has gaps).
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping

_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters without a picture that are of no category of their own: fillers and variation selectors."""

_WHOLE_NUMBER = re.compile(r"\+?(-?)0*(\d+?)(?:\.0+)?")
_MARKS = {"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"'}
_LETTERS = dict(
    zip(
        "АВЕКМНОРСТХУІЈЅԌаеорсухіјѕһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιορυνօսոհıɡɑ",
        "ABEKMHOPCTXYIJSGaeopcyxijshdqwABEZHIKMNOPTYXaiopuvounhiga",
        strict=True,
    )
)
_LIKE_LATIN = str.maketrans(_LETTERS)


def _without_invisible(name: str) -> str:
    return "".join(c for c in _INVISIBLE.sub("", name) if unicodedata.category(c) != "Cf")


def _one_space(name: str) -> str:
    return " ".join(name.split())


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _nfkc(name: str) -> str:
    return unicodedata.normalize("NFKC", name)


def _like_latin(name: str) -> str:
    return name.translate(_LIKE_LATIN)


def _plain_marks(name: str) -> str:
    return "".join(
        "-" if unicodedata.category(c) == "Pd" or c == "\u2212" else _MARKS.get(c, c) for c in name
    )


def _plain_number(name: str) -> str:
    return _WHOLE_NUMBER.sub(r"\1\2", name) if _WHOLE_NUMBER.fullmatch(name) else name


_UNSEEN: Mapping[str, Callable[[str], str]] = {
    "invisible characters": _without_invisible,
    "white space": _one_space,
    "the Unicode form (NFC or NFD)": _nfc,
}
"""Differences that nobody can see."""

_DIFFERENCES: Mapping[str, Callable[[str], str]] = {
    **_UNSEEN,
    "full-width or other compatible forms": _nfkc,
    "case": str.casefold,
    "dashes or quotes": _plain_marks,
    "letters of another alphabet that look the same": _like_latin,
    "the way a number is written": _plain_number,
}
"""Kind of difference → what removes it. Letters are compared before their case: `В` looks like `B`, `в` does
not look like `b`."""

_ORDER = (
    *_UNSEEN.values(), _nfkc, _plain_marks, _like_latin, str.casefold, _plain_number, *_UNSEEN.values()
)  # fmt: skip


def seen(name: str) -> str:
    """The name without what nobody can see."""
    for change in _UNSEEN.values():
        name = change(name)
    return name


def look_alike_key(name: str) -> str:
    """What two names share that a reader may take for the same."""
    for change in _ORDER:
        name = change(name)
    return name


def look_alikes(names: Iterable[str], key: Callable[[str], str] = look_alike_key) -> list[tuple[str, str]]:
    """Each name that looks like an earlier one, after that one."""
    first: dict[str, str] = {}
    pairs = [(first.setdefault(key(name), name), name) for name in names]
    return [(earlier, name) for earlier, name in pairs if earlier != name]


def difference(one: str, other: str) -> str:
    """In what two names that look alike differ, in words."""
    for words, change in _DIFFERENCES.items():
        if change(one) == change(other):
            return words
    involved = []
    for words, change in _DIFFERENCES.items():
        before, (one, other) = (one, other), (change(one), change(other))
        if before != (one, other):
            involved.append(words)
    return " and ".join(involved)


def spelt_out(name: str) -> str:
    """The name, quoted, with every character that is not ASCII as its code."""
    return ascii(name)
