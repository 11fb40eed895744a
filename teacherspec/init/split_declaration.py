"""A complete declaration as two files: what teachers share, and what is the new teacher's own."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from teacherspec.check.inheritance import EXTENDS
from teacherspec.check.parsing.parse import Document

SHARED_SECTIONS = frozenset({"base", "finetune", "evaluate", "calibrate", "probe"})
SHARED_KEYS = frozenset({("package", "gates")})
"""What the first teacher puts into a new shared file, but for what follows from its rows."""

SHARED_HEAD = """\
# What the teachers of this repository share. A key of a section in a teacher's teacher.yaml replaces the one
# here, with all that is below it. Paths are given from the folder of a teacher.
# `teacherspec check --explain` in a teacher's folder prints where each of its values comes from.

"""

OWN_HEAD = """\
# What this teacher has of its own; the rest is in the file that it extends. `teacherspec check` explains
# every mistake, `teacherspec check --explain` where each value is declared. `repro` writes params.yaml.
# Written by `teacherspec init` from a look at the rows; comments with "found:" say what it saw. Correct them.

"""

Key = tuple[str, str]


def shareable(document: Document, found: Collection[str]) -> dict[str, dict[str, Any]]:
    """The sections and keys of a first teacher that others may share.

    Args:
        document: its complete declaration.
        found: dotted keys that follow from its rows.
    """
    shared = {
        name: {
            key: value
            for key, value in section.items()
            if f"{name}.{key}" not in found and (name in SHARED_SECTIONS or (name, key) in SHARED_KEYS)
        }
        for name, section in document.values.items()
    }
    return {name: keys for name, keys in shared.items() if keys or name in SHARED_SECTIONS}


def in_the_way(document: Document, shared: Mapping[str, Any]) -> list[str]:
    """Dotted keys of a shared file that a teacher who extends it would have, and its declaration has not."""
    keys = [(name, key) for name, section in shared.items() for key in section or ()]
    return [f"{name}.{key}" for name, key in keys if key not in document.values.get(name, {})]


def shared_text(document: Document, shared: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of a new shared file, with the comments of the declaration."""
    return SHARED_HEAD + _text(document, lambda name, key: key in shared.get(name, {}))


def own_text(document: Document, shared: Mapping[str, Any], extends: str) -> str:
    """The text of `teacher.yaml`: every key that the shared file has not, or has with another value."""

    def is_own(name: str, key: str) -> bool:
        above = shared.get(name) or {}
        return key not in above or above[key] != document.values[name][key]

    return f"{OWN_HEAD}{EXTENDS}: {extends}\n\n" + _text(document, is_own)


def _text(document: Document, wanted: Callable[[str, str], bool]) -> str:
    lines = document.file.read_text(encoding="utf-8").splitlines()
    begins = [document.keys[name,].line for name in document.values]
    ends = [*begins[1:], len(lines) + 1]
    parts = [
        "\n".join(_section(document, name, lines, end, wanted)).rstrip()
        for name, end in zip(document.values, ends, strict=True)
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(
    document: Document, name: str, lines: list[str], end: int, wanted: Callable[[str, str], bool]
) -> Iterator[str]:
    """The lines of a section with the wanted keys and the comments that follow them; none without any."""
    begin = document.keys[name,].line
    keys = list(document.values[name])
    if not keys or document.keys[name, keys[0]].line == begin:  # `probe: {}`, in one line
        if not keys or any(wanted(name, key) for key in keys):
            yield from lines[begin - 1 : end - 1]
        return
    places = [document.keys[name, key].line for key in keys] + [end]
    chosen = [
        line
        for key, first, last in zip(keys, places, places[1:], strict=False)
        if wanted(name, key)
        for line in lines[first - 1 : last - 1]
    ]
    if chosen:
        yield from (*lines[begin - 1 : places[0] - 1], *chosen)
