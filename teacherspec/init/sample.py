"""The first rows of the data, read as the stage `prepare` will read them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from teacherspec.errors import DataError, UserError
from teacherspec.prepare.row_types import BadRow, Row
from teacherspec.prepare.sources.registry import tables_of
from teacherspec.spec.prepare.sources import DataSource

SAMPLED_ROWS = 20_000
"""Rows of each source that are looked at."""

MOST_SHOWN = 3


@dataclass(frozen=True)
class Sample:
    """Rows of all sources.

    Attributes:
        columns: column → its values, None where a row lacks it; in the order of the first row.
        rows: number of rows that were looked at.
        is_whole: whether these are all.
        unreadable: the first rows that cannot be read, as `file:line: problem`.
    """

    columns: Mapping[str, Sequence[Any]]
    rows: int
    is_whole: bool
    unreadable: tuple[str, ...]


def sample(sources: Sequence[Mapping[str, Any]]) -> Sample:
    """The first rows of the sources, whose `path` is relative to the working directory or absolute.

    Of folders of images, names and labels only.

    Raises:
        UserError: a file cannot be read, or no row can.
    """
    rows: list[dict[str, Any]] = []
    unreadable: list[str] = []
    is_whole = True
    for source in sources:
        if source["kind"] == "image_folder":
            rows += _listed(Path(source["path"]))
            continue
        try:
            own, bad = _read(source)
        except DataError as error:
            raise UserError(error.problems) from None
        rows += own
        unreadable += bad
        is_whole = is_whole and len(own) < SAMPLED_ROWS
    if not rows:
        shown = "; ".join(unreadable[:MOST_SHOWN]) or "it is empty"
        raise UserError(
            f"{', '.join(str(source['path']) for source in sources)}: no row can be read: {shown}"
        )
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return Sample(columns, len(rows), is_whole, tuple(unreadable[:MOST_SHOWN]))


def _listed(folder: Path) -> list[dict[str, Any]]:
    files = (file for file in sorted(folder.glob("*/*")) if file.is_file() and not file.name.startswith("."))
    return [{"image": file.name, "label": file.parent.name} for file in files]


def _read(source: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The first rows, and what is wrong with those among them that cannot be read."""
    path = Path(source["path"]).absolute()
    section: Any = TypeAdapter(DataSource).validate_json(json.dumps({**source, "path": path.name}))
    rows: list[dict[str, Any]] = []
    bad: list[str] = []
    for table in tables_of(section, path.parent):
        with table.open(()) as opened:
            wanted = opened.columns or ()
        with table.open(wanted) as opened:
            for row in opened.rows:
                if isinstance(row, Row):
                    rows.append(row.values)
                elif isinstance(row, BadRow):
                    bad.append(f"{table.place(row.number, row.position)}: {row.problem}")
                if len(rows) >= SAMPLED_ROWS:
                    return rows, bad
    return rows, bad
