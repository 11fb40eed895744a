"""From sources to a spool of valid rows: every problem with its place, nothing kept in memory."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from teacherspec.errors import DataError
from teacherspec.prepare.problem_log import Problems
from teacherspec.prepare.quarantine import Quarantine
from teacherspec.prepare.row_hashes import Hashes, RowIndexer, signature_words
from teacherspec.prepare.row_store import Spool
from teacherspec.prepare.row_types import BadRow, BlankRow, Table
from teacherspec.prepare.row_validation import Beside, CheckedRow, RowChecker
from teacherspec.prepare.sources.registry import tables_of
from teacherspec.spec.source_base import SourceBase
from teacherspec.tasks.columns.row_schema import RowSchema

NO_LABEL = -1
NUMBERS = {"size": "int32", "label": "int32", "table": "int32", "number": "int64"}
"""Beside the hashes of every row: its length, the code of its label (-1 without) and where it came from."""


@dataclass
class Kinds:
    """Where each kind of value (text, number) of a column was first seen."""

    first: dict[str, str] = field(default_factory=dict)

    def note(self, value: object, place: Callable[[], str]) -> None:
        """Remember the first place of this kind of value."""
        kind = "text" if isinstance(value, str) else "number"
        if kind not in self.first:
            self.first[kind] = place()


@dataclass
class Ingested:
    """What was read.

    Attributes:
        spool: the valid rows.
        tables: every table, indexed by the `table` number of a row.
        sources: for each table, the index of its source.
        labels: label as given → code, in order of first appearance.
        label_kinds: kinds of labels seen.
        kept_kinds: kinds of values seen in each kept column.
        no_answers: what a row without answers stores in their place.
        rows_read: rows seen, broken ones included.
        blank_lines: lines with nothing on them.
        left_out: rows that transforms left out.
        changed: what reading changed of values → how often.
    """

    spool: Spool
    tables: list[Table] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    labels: dict[str | int, int] = field(default_factory=dict)
    label_kinds: Kinds = field(default_factory=Kinds)
    kept_kinds: dict[str, Kinds] = field(default_factory=dict)
    no_answers: tuple[None, ...] = ()
    rows_read: int = 0
    blank_lines: int = 0
    left_out: int = 0
    changed: Counter[str] = field(default_factory=Counter)

    def place(self, row: int) -> str:
        """`file:line` of a row of the sealed spool."""
        table: Table = self.tables[self.spool.numbers("table")[row]]
        return table.place(int(self.spool.numbers("number")[row]))

    def hashes(self) -> Hashes:
        """The hashes of the rows of the sealed spool."""
        return Hashes(*(self.spool.numbers(name) for name in Hashes._fields))


def kept_column(name: str) -> str:
    """The spool's name of a kept column: its values lie there as JSON until their type is known."""
    return f"kept:{name}"


def new_spool(folder: Path, fields: RowSchema, beside: Beside) -> Spool:
    """An empty spool in `folder` for rows of these fields."""
    import pyarrow as pa

    payload = [(rule.name, rule.arrow_type()) for rule in (*fields.content, *fields.answers)]
    kept = [(kept_column(name), pa.string()) for name in beside.keep]
    words = (*Hashes._fields, *signature_words(fields.images()))
    return Spool(folder, pa.schema([*payload, ("id", pa.string()), *kept]), words, NUMBERS)


def ingest(
    root: Path,
    sources: Sequence[SourceBase],
    fields: RowSchema,
    beside: Beside,
    spool: Spool,
    quarantine: Quarantine,
    problems: Problems,
) -> Ingested:
    """Read every row of every source: valid ones into the spool, broken ones into quarantine.

    What makes a whole file or column useless goes into `problems`.
    """
    no_answers = (None,) * len(fields.answers)
    into = Ingested(spool, no_answers=no_answers, kept_kinds={name: Kinds() for name in beside.keep})
    indexer = RowIndexer(fields)
    for number, source in enumerate(sources):
        checker = RowChecker(source, fields, beside)
        try:
            tables = tables_of(source, root)
        except DataError as error:
            problems.add_error(error)
            continue
        for table in tables:
            into.tables.append(table)
            into.sources.append(number)
            try:
                _read_table(table, checker, indexer, into, quarantine)
            except DataError as error:
                problems.add_error(error)
        into.changed += checker.changed
    _refuse_mixed_kinds(into, fields, problems)
    return into


def _read_table(
    table: Table, checker: RowChecker, indexer: RowIndexer, into: Ingested, quarantine: Quarantine
) -> None:
    before = into.rows_read
    with table.open(checker.known) as opened:
        checker.check_table(table, opened.columns)
        for row in opened.rows:
            if isinstance(row, BlankRow):
                into.blank_lines += 1
                continue
            into.rows_read += 1
            if isinstance(row, BadRow):
                quarantine.reject(table.place(row.number, row.position), [row.problem], row.given)
                continue
            checked = checker.check(row.values)
            if checked is None:
                into.left_out += 1
            elif isinstance(checked, CheckedRow):
                _spool(checked, indexer, table, row.number, into)
            else:
                quarantine.reject(table.place(row.number), checked, row.values)
    if into.rows_read == before:
        raise DataError(f"{table.name}: no rows")


def _spool(row: CheckedRow, indexer: RowIndexer, table: Table, number: int, into: Ingested) -> None:
    code = NO_LABEL
    if row.label is not None:
        code = into.labels.setdefault(row.label, len(into.labels))
        into.label_kinds.note(row.label, lambda: table.place(number))
    for name, value in zip(into.kept_kinds, row.kept, strict=False):  # an external row keeps nothing
        if value is not None:
            into.kept_kinds[name].note(json.loads(value), lambda: table.place(number))
    answers = row.answers or into.no_answers
    kept = row.kept or (None,) * len(into.kept_kinds)
    size = indexer.size(row)
    numbers = (size, code, len(into.tables) - 1, number)
    into.spool.append((*row.content, *answers, row.identity, *kept, indexer.hashes(row), *numbers), size)


def _refuse_mixed_kinds(into: Ingested, fields: RowSchema, problems: Problems) -> None:
    label = [(fields.label.name, into.label_kinds)] if fields.label else []
    for name, kinds in [*label, *into.kept_kinds.items()]:
        if len(kinds.first) > 1:
            text, number = kinds.first["text"], kinds.first["number"]
            problems.add(text, f"{name}: a text here, a number at {number}; write all as one or the other")
