"""Limits on values read from another branch: nobody has checked them before a reviewer compares."""

from collections.abc import Iterator, Mapping
from typing import Any

DEEPEST = 64
"""Levels of nesting."""

MOST_VALUES = 100_000
"""Values after every alias is written out: ten aliases of ten aliases, ten times, are 10 billion."""

LARGEST_TEXT = 4 << 20
"""Characters of a file of values."""


def check_limits(value: Any) -> None:
    """Refuse values that are too deep or too many to walk through.

    A part that several aliases share is counted each time, in a time that grows with the text alone.

    Raises:
        ValueError: a limit is exceeded.
    """
    counts: dict[int, int] = {}
    open_parts: list[tuple[Any, Iterator[Any]]] = [(value, _parts(value))]
    while open_parts:
        part, rest = open_parts[-1]
        if len(open_parts) > DEEPEST:
            raise ValueError(f"is nested more than {DEEPEST} levels deep")
        following = next(((one,) for one in rest if id(one) not in counts), ())  # a part may be None
        if following:
            open_parts.append((following[0], _parts(following[0])))
            continue
        open_parts.pop()
        counts[id(part)] = 1 + sum(counts[id(one)] for one in _parts(part))
        if counts[id(part)] > MOST_VALUES:
            raise ValueError(f"holds more than {MOST_VALUES:,} values once its aliases are written out")


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple | set):
        yield from value
