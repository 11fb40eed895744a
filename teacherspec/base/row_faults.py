"""Rows of any split that a base refuses, found before anything is trained and named by file and line."""

import re
from pathlib import Path

from teacherspec.errors import DataError
from teacherspec.splits import Prepared, load_places, open_split
from teacherspec.tasks.shared.interfaces.kind import Kind

SHOWN = 20
"""Kinds of faults in a message."""

VARIABLE = re.compile(r"\d+")
"""What differs between messages on the same fault."""


def refuse_rows(task: Kind, folder: Path, prepared: Prepared) -> None:
    """Refuse splits with rows that the processor of the base cannot encode as declared.

    Args:
        task: the declared task.
        folder: a base that passed the security scan and loaded in the sandbox.
        prepared: every split of which is checked, whole.

    Raises:
        DataError: one line for each fault, with its first row and the number of further rows.
        BaseModelError: the processor suits no row.
    """
    first: dict[str, str] = {}
    counts: dict[str, int] = {}
    unknown = False
    for split in prepared.splits.values():
        rows, places = open_split(split), None
        for number, what in task.refused_rows(folder, rows):
            fault = VARIABLE.sub("", what)
            counts[fault] = counts.get(fault, 0) + 1
            if fault not in first:
                places = places or load_places(split)
                unknown = unknown or places is None
                where = f"{split.name}, row {rows[number]['id']}" if places is None else places[number]
                first[fault] = f"{where}: {what}"
    if not first:
        return
    lines = [_line(line, counts[fault]) for fault, line in list(first.items())[:SHOWN]]
    if (left := len(first) - SHOWN) > 0:
        lines.append(f"… and {left} more kinds of faults")
    if unknown:
        lines.append("`prepare` did not run on this machine: run it here to see files and lines")
    raise DataError(lines)


def _line(first: str, count: int) -> str:
    return f"{first} (and {count - 1} more rows like it)" if count > 1 else first
