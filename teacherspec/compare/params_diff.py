"""Changed values of the declaration and changed versions of the environment."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from teacherspec.compare.revision import Revision

PINS = "requirements.txt"
_PIN = re.compile(r"^([A-Za-z0-9][\w.\-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)

ABSENT = "–"
"""Shown for a value that one side does not have."""


@dataclass(frozen=True)
class Change:
    """One value that differs.

    Attributes:
        name: dotted key, or name of a package.
        before: as text, `–` where it is absent.
        after: the same.
    """

    name: str
    before: str
    after: str


def params_changed(base: Revision, head: Revision) -> tuple[Change, ...]:
    """Every leaf of `params.yaml` that differs, in the order of the declaration."""
    return _differences(dict(_leaves(base.params)), dict(_leaves(head.params)))


def environment_changed(base: Revision, head: Revision) -> tuple[Change, ...]:
    """Every pinned package of `requirements.txt` whose version differs, sorted by name."""
    before, after = (dict(_PIN.findall(side.nearest_text(PINS) or "")) for side in (base, head))
    return tuple(sorted(_differences(before, after), key=lambda change: change.name))


def leaves_changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every leaf of nested values that differs."""
    return _differences(dict(_leaves(before)), dict(_leaves(after)))


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        Change(name, _as_text(before, name), _as_text(after, name))
        for name in names
        if name not in before or name not in after or before[name] != after[name]
    )


def _as_text(values: Mapping[str, Any], name: str) -> str:
    if name not in values:
        return ABSENT
    value = values[name]
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _leaves(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of everything that is neither a mapping nor a list of mappings or lists."""
    if isinstance(values, Mapping) and values:
        for name, value in values.items():
            yield from _leaves(value, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(values, Sequence) and not isinstance(values, str) and any(map(_is_nested, values)):
        for index, value in enumerate(values):
            yield from _leaves(value, f"{prefix}[{index}]")
    elif prefix:
        yield prefix, values


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | list)
