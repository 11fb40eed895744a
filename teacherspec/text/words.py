"""Words of texts in any script: characters where a script is written without spaces between words."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_OTHERS = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u1950-\u19df\u1a20-\u1aaf\ua980-\ua9df\u1b00-\u1b7f"  # Tai scripts, Javanese, Balinese
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Kana
    "\ua000-\ua48f"  # Yi
)
_END_OF_MARKS = 0x20000
"""No later character modifies the one before it, but for variation selectors."""
_JOINER = "\u200d"
_EXTENDING = {_JOINER, *map(chr, range(0x1F3FB, 0x1F400)), *map(chr, range(0xE0020, 0xE0080))}
_REGIONAL = {*map(chr, range(0x1F1E6, 0x1F200))}
_ASCII_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(rf"(?=\w)[{HAN}{_OTHERS}]")
_HAN = re.compile(f"[{HAN}]")
_LATIN = re.compile("[A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]")


def words(text: str) -> list[str]:
    """The words of a text: runs of letters, digits and marks; characters of scripts without spaces."""
    return _ASCII_WORD.findall(text) if text.isascii() else _word_pattern().findall(text)


def words_and_punctuation(text: str) -> list[str]:
    """The words of a text and, each on its own, the other characters but white space."""
    return _token_pattern().findall(text)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where each of `words_and_punctuation` begins and ends, in characters.

    What a reader sees as one character, such as an emoji with a skin tone, is never divided.
    """
    spans: list[tuple[int, int]] = []
    for match in _token_pattern().finditer(text):
        first, end = match.span()
        if spans and spans[-1][1] == first and not is_visible_boundary(text, first):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((first, end))
    return spans


def is_visible_boundary(text: str, at: int) -> bool:
    """Whether what a reader sees as one character ends before index `at`, not inside it.

    The rules of Unicode (UAX 29) for marks, joiners, emoji modifiers and flags; not for Hangul and Indic
    letters that are written as several characters, which one word holds anyway.
    """
    if not 0 < at < len(text):
        return True
    before, after = text[at - 1], text[at]
    if after in _EXTENDING or before == _JOINER or unicodedata.category(after).startswith("M"):
        return False
    if before in _REGIONAL and after in _REGIONAL:
        first = at
        while first > 0 and text[first - 1] in _REGIONAL:
            first -= 1
        return (at - first) % 2 == 0
    return not (before == "\r" and after == "\n")


def is_unspaced(word: str) -> bool:
    """Whether a word of `words` is a character of a script that writes no spaces between words."""
    return _UNSPACED.match(word) is not None


@cache
def _word_pattern() -> re.Pattern[str]:
    return re.compile(_word_source())


@cache
def _token_pattern() -> re.Pattern[str]:
    return re.compile(rf"{_word_source()}|[^\w\s]")


def _word_source() -> str:
    points = map(chr, range(0x300, _END_OF_MARKS))
    marks = f"[{''.join(c for c in points if unicodedata.category(c).startswith('M'))}]"
    letters = rf"[^\W{HAN}{_OTHERS}]"
    return rf"{letters}+(?:{marks}+{letters}*)*|(?=\w)[{HAN}{_OTHERS}]{marks}*"


def unspaced_share(texts: Sequence[str]) -> float:
    """Share of the letters and digits that belong to scripts without spaces between words."""
    return _share(_UNSPACED, texts)


def han_share(texts: Sequence[str]) -> float:
    """Share of the letters and digits that are Chinese characters."""
    return _share(_HAN, texts)


def latin_share(texts: Sequence[str]) -> float:
    """Share of the letters and digits that are letters of the Latin alphabet or digits from 0 to 9."""
    digits = sum(len(re.findall("[0-9]", text)) for text in texts)
    total = _letters(texts)
    return 1.0 if total == 0 else (digits + sum(len(_LATIN.findall(text)) for text in texts)) / total


def _share(pattern: re.Pattern[str], texts: Sequence[str]) -> float:
    total = _letters(texts)
    return 0.0 if total == 0 else sum(len(pattern.findall(text)) for text in texts) / total


def _letters(texts: Sequence[str]) -> int:
    return sum(character.isalnum() for text in texts for character in text)
