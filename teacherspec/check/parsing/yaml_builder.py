"""Plain values built from YAML events, each with its place; nothing but plain values is ever constructed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import StringMark
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

from teacherspec.check.parsing.diagnostics import Position, Problem, Where
from teacherspec.check.parsing.yaml_scalars import ScalarError, quoted, scalar_value

DEEPEST = 20
MOST_VALUES = 10_000


class HaltError(Exception):
    """Reading cannot go on; the problem is already noted."""


def at(mark: StringMark) -> Position:
    """The position of a ruamel mark, which counts from 0."""
    return Position(mark.line + 1, mark.column + 1)


@dataclass
class Builder:
    """Builds plain values from events, noting places and problems as it goes."""

    yaml: YAML
    events: Iterator[Event]
    keys: dict[Where, Position] = field(default_factory=dict)
    places: dict[Where, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def note(self, position: Position, where: Where, what: str) -> None:
        """Remember a problem and read on."""
        self.problems.append(Problem(position, where, what))

    def document(self, start: DocumentStartEvent) -> Any:
        """The value of the document that begins with `start`.

        Raises:
            HaltError: too deep or too many values, noted as a problem.
        """
        if start.version or start.tags:
            self.note(Position(1, 1), (), "a YAML directive changes how values are read: remove the % line")
        first = next(self.events)
        self.keys[()] = at(first.start_mark)
        return self._value(first, ())

    def _value(self, event: Event, where: Where) -> Any:
        """The value that begins with `event` and stands at `where`; None when it is refused."""
        position = at(event.start_mark)
        if isinstance(event, ScalarEvent) and (event.value or event.style):
            self.places.setdefault(where, position)
        self.count += 1
        if self.count > MOST_VALUES:
            self.note(position, where, f"too many values (allowed at most {MOST_VALUES})")
            raise HaltError
        if isinstance(event, ScalarEvent):
            return self._scalar(event, where)
        if isinstance(event, AliasEvent):
            self.note(position, where, f"an alias (given *{event.anchor}): write the value out")
            return None
        if len(where) >= DEEPEST:
            self.note(position, where[:3], f"nested too deeply (allowed at most {DEEPEST} levels)")
            raise HaltError
        if isinstance(event, SequenceStartEvent):
            self._refuse_decoration(event, where)
            return self._list(where)
        assert isinstance(event, CollectionStartEvent)  # noqa: S101
        self._refuse_decoration(event, where)
        return self._mapping(where)

    def _refuse_decoration(self, event: ScalarEvent | CollectionStartEvent, where: Where) -> None:
        position = at(event.start_mark)
        if event.anchor:
            self.note(position, where, f"an anchor (given &{event.anchor}): write the value without it")
        if event.tag:
            self.note(position, where, f"a tag (given {quoted(event.tag)}): write the value without it")

    def _scalar(self, event: ScalarEvent, where: Where) -> Any:
        self._refuse_decoration(event, where)
        try:
            return scalar_value(self._kind(event), event.value)
        except ScalarError as error:
            self.note(at(event.start_mark), where, str(error))
            return None

    def _kind(self, event: ScalarEvent) -> str:
        """What YAML 1.2 takes an untagged scalar for: `str`, `int`, `float`, `null`, …"""
        return str(self.yaml.resolver.resolve(ScalarNode, event.value, event.implicit)).rsplit(":", 1)[-1]

    def _list(self, where: Where) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            item = (*where, len(items))
            self.keys.setdefault(item, at(event.start_mark))
            items.append(self._value(event, item))
        return items

    def _mapping(self, where: Where) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            position = at(event.start_mark)
            key, usable = self._key(event, where)
            inner = (*where, key)
            if usable and key in mapping:
                first = self.keys[inner].line
                self.note(position, inner, f"duplicate key (first given on line {first}): keep one of them")
                usable = False
            self.keys.setdefault(inner, position)
            value = self._value(next(self.events), inner)
            if usable:
                mapping[key] = value
        return mapping

    def _key(self, event: Event, where: Where) -> tuple[str, bool]:
        """The key as text, and whether it may be one."""
        position = at(event.start_mark)
        if not isinstance(event, ScalarEvent):
            self.note(position, where, "a key must be a text (given a list, mapping or alias)")
            self._value(event, (*where, "?"))
            return "?", False
        text: str = event.value
        inner = (*where, text)
        self._refuse_decoration(event, inner)
        kind = self._kind(event)
        if kind == "merge":
            self.note(position, inner, "a merge key: write the keys out")
        elif kind != "str":
            self.note(position, inner, f'a key must be a text (given {text}; did you mean "{text}"?)')
        return text, kind == "str"
