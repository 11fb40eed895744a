"""A problem in the declaration: where it is, what is wrong, and how a list of them is shown."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from teacherspec.check.parsing.yaml_scalars import blotted
from teacherspec.errors import DeclarationError

Where = tuple[str | int, ...]
"""A place in the declaration as keys and list indexes: `("task", "label_names", 2)`."""

SHOWN_PROBLEMS = 20
PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Position(NamedTuple):
    """Line and column in the file, both counted from 1, columns in characters."""

    line: int
    column: int


class Problem(NamedTuple):
    """One thing that is wrong, sorted by where it stands in the file."""

    position: Position
    where: Where
    what: str


def dotted(where: Where) -> str:
    """`task.label_names[2]` for `("task", "label_names", 2)`; odd keys are quoted."""
    text = ""
    for step in where:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if PLAIN_KEY.fullmatch(step) else json.dumps(step, ensure_ascii=False)
            text += f".{name}" if text else name
    return text


def refusal(
    file: Path, problems: Iterable[Problem], file_of: Callable[[Where], Path] | None = None
) -> DeclarationError:
    """All `problems` as one error: sorted by file and position, one line each, the first 20 shown.

    Args:
        file: of the declaration.
        problems: found in it.
        file_of: the file that holds a place; `file` for all where it is not given.
    """
    lines = []
    placed = [(file_of(one.where) if file_of else file, one) for one in set(problems)]
    for own, (position, where, what) in sorted(placed):
        name = f"{dotted(where)}: " if where else ""
        lines.append(blotted(f"{own}:{position.line}:{position.column}: {name}{what}"))
    hidden = len(lines) - SHOWN_PROBLEMS
    return DeclarationError(lines[:SHOWN_PROBLEMS] + ([f"{file}: + {hidden} more"] if hidden > 0 else []))
