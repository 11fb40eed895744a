"""What the columns of a row have to do with each other: tags with tokens, spans with the text."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from teacherspec.tasks.shared.columns.base import ColumnError, shown
from teacherspec.tasks.shared.columns.tokens import refuse
from teacherspec.text.words import is_visible_boundary, word_spans

Offsets = Literal["characters", "utf16_units"]
LAST_BMP = 0xFFFF


class RowCheck(ABC):
    """A check of the values of several columns, each of which is valid by itself."""

    columns: tuple[str, str]
    """The two columns, in the order of the arguments of `read`; messages name the second."""

    @abstractmethod
    def read(self, content: Any, labels: Any) -> Any:
        """The labels to store. Raises `ColumnError`."""


@dataclass(frozen=True)
class OneTagEach(RowCheck):
    """There is one tag for each token."""

    columns = ("tokens", "tags")

    def read(self, content: Sequence[str], labels: Sequence[str]) -> Sequence[str]:
        """The tags as given. Raises `ColumnError`."""
        if len(content) != len(labels):
            raise ColumnError(
                f"{len(labels)} tags for {len(content)} tokens; give each token a tag, O where it is no part "
                "of an entity"
            )
        return labels


@dataclass(frozen=True)
class SpansFitText(RowCheck):
    """Spans lie in the text, begin and end with its words, and do not overlap.

    Attributes:
        offsets: what start and end count.
    """

    offsets: Offsets = "characters"
    columns = ("text", "spans")

    def read(self, content: str, labels: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The spans in characters. Raises `ColumnError`, with everything that is wrong."""
        place = None if self.offsets == "characters" or content.isascii() else _utf16_places(content)
        spans, problems = [], []
        for number, span in enumerate(labels, start=1):
            try:
                spans.append({**span, **{end: _in_characters(place, span[end]) for end in ("start", "end")}})
            except ColumnError as error:
                problems.append(f"span {number} {error}")
        problems += _problems(content, spans)
        refuse(problems)
        return spans


def _utf16_places(text: str) -> dict[int, int]:
    """UTF-16 offset → index of the character that begins there, the end of the text included."""
    places, at = {}, 0
    for index, character in enumerate(text):
        places[at] = index
        at += 1 + (ord(character) > LAST_BMP)
    places[at] = len(text)
    return places


def _in_characters(places: Mapping[int, int] | None, offset: int) -> int:
    if places is None:
        return offset
    if offset in places:
        return places[offset]
    if offset > max(places):
        raise ColumnError(f"ends outside the text, which has {max(places)} UTF-16 units (given {offset})")
    raise ColumnError(f"begins or ends inside a surrogate pair, at UTF-16 unit {offset}; move it")


def _problems(text: str, spans: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    starts = {first: (first, end) for first, end in word_spans(text)}
    ends = {end: (first, end) for first, end in starts.values()}
    before: Mapping[str, Any] | None = None
    for number, span in enumerate(spans, start=1):
        start, end = span["start"], span["end"]
        name = f"span {number} ({start} to {end}, {span['label']})"
        if end > len(text):
            hint = "; are they UTF-16 units? declare `task.offsets: utf16_units`" if _has_wide(text) else ""
            yield f"{name} ends outside the text, which has {len(text)} characters{hint}"
            continue
        if before is not None and start < before["end"]:
            yield (
                f"{name} overlaps {before['start']} to {before['end']}, {before['label']}; a token has one "
                "tag: keep one of them"
            )
        before = span
        for what, at, known in (("begins", start, starts), ("ends", end, ends)):
            if at not in known:
                yield f"{name} {what} {_where(text, at, [*starts.values()])}"


def _where(text: str, at: int, spans: Sequence[tuple[int, int]]) -> str:
    """Where an offset lies that is no border of a word on the needed side, and what to do."""
    inside = next(((first, end) for first, end in spans if first < at < end), None)
    if inside is None:
        return f"with white space, at character {at}; trim it"
    word = f"{shown(text[inside[0] : inside[1]])} ({inside[0]} to {inside[1]})"
    if not is_visible_boundary(text, at):
        return f"inside what a reader sees as one character, in {word}; move it to its border"
    return (
        f"inside the word {word}; move it to its border, or give the row as tokens of your own "
        "(`task.rows: tokens`)"
    )


def _has_wide(text: str) -> bool:
    return any(ord(character) > LAST_BMP for character in text)
