"""Reads all sources into a row store of valid rows; problems are collected with their place."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from teacherspec.errors import DataError
from teacherspec.prepare.problem_log import Problems
from teacherspec.prepare.quarantine import Quarantine
from teacherspec.prepare.row_hashes import Hashes, RowIndexer, signature_words
from teacherspec.prepare.row_store import RowStore
from teacherspec.prepare.row_types import BadRow, BlankRow, Table
from teacherspec.prepare.row_validation import CheckedRow, ExtraColumns, RowChecker
from teacherspec.prepare.sources.registry import tables_of
from teacherspec.runtime.progress import with_progress
from teacherspec.spec.prepare.source_base import SourceBase
from teacherspec.tasks.shared.columns.base import Column
from teacherspec.tasks.shared.columns.row_schema import RowSchema

NO_LABEL = -1
EXTRA_PREFIX = "extra:"
NUMBERS = {"size": "int32", "label": "int32", "table": "int32", "number": "int64"}
"""Numbers stored with the hashes of every row: its size, the code of its label (-1 without) and its place."""


@dataclass
class TypesSeen:
    """Where each type of value (text, number) of a column first occurs."""

    first: dict[str, str] = field(default_factory=dict)

    def note(self, value: object, place: Callable[[], str]) -> None:
        """Record the first place of this type of value."""
        name = "text" if isinstance(value, str) else "number"
        if name not in self.first:
            self.first[name] = place()


@dataclass
class Ingested:
    """The rows read, and counts about them.

    Attributes:
        row_store: the valid rows.
        tables: every table, indexed by the `table` number of a row.
        sources: for each table, the index of its source.
        labels: label as given → code, in order of first appearance.
        label_types: types of the labels.
        extra_types: types of the values in each extra column.
        no_answers: the stored answers of a row without answers.
        no_label_details: the stored label details of a row whose label is not read.
        rows_read: rows read, including invalid ones.
        blank_lines: empty lines.
        left_out: rows that transforms left out.
        changed: kind of change to values while reading → how often.
    """

    row_store: RowStore
    tables: list[Table] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    labels: dict[str | int, int] = field(default_factory=dict)
    label_types: TypesSeen = field(default_factory=TypesSeen)
    extra_types: dict[str, TypesSeen] = field(default_factory=dict)
    no_answers: tuple[None, ...] = ()
    no_label_details: tuple[None, ...] = ()
    rows_read: int = 0
    blank_lines: int = 0
    left_out: int = 0
    changed: Counter[str] = field(default_factory=Counter)

    def place(self, row: int) -> str:
        """`file:line` of a row of the sealed row store."""
        table: Table = self.tables[self.row_store.numbers("table")[row]]
        return table.place(int(self.row_store.numbers("number")[row]))

    def hashes(self) -> Hashes:
        """The hashes of the rows of the sealed row store."""
        return Hashes(*(self.row_store.numbers(name) for name in Hashes._fields))


def extra_column(name: str) -> str:
    """The row store's name of an extra column: its values are stored as JSON until their type is known."""
    return EXTRA_PREFIX + name


def stored_values(fields: RowSchema) -> dict[str, Column]:
    """Name → column, of the values in the row store in their order; of a label only its code is there."""
    return {rule.name: rule for rule in (*fields.content, *fields.answers, *fields.label_details)}


def new_row_store(folder: Path, fields: RowSchema, extra_columns: ExtraColumns) -> RowStore:
    """An empty row store in `folder` for rows of these fields."""
    import pyarrow as pa

    payload = [(name, rule.arrow_type()) for name, rule in stored_values(fields).items()]
    extras = [(extra_column(name), pa.string()) for name in extra_columns.keep]
    words = (*Hashes._fields, *signature_words(fields.images()))
    return RowStore(folder, pa.schema([*payload, ("id", pa.string()), *extras]), words, NUMBERS)


def ingest(
    root: Path,
    sources: Sequence[SourceBase],
    fields: RowSchema,
    extra_columns: ExtraColumns,
    row_store: RowStore,
    quarantine: Quarantine,
    problems: Problems,
) -> Ingested:
    """Read every row of every source: valid ones into the row store, invalid ones into quarantine.

    Problems of an entire file or column are added to `problems`.
    """
    into = Ingested(
        row_store,
        no_answers=(None,) * len(fields.answers),
        no_label_details=(None,) * len(fields.label_details),
        extra_types={name: TypesSeen() for name in extra_columns.keep},
    )
    indexer = RowIndexer(fields)
    for number, source in enumerate(sources):
        checker = RowChecker(source, fields, extra_columns)
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
    _refuse_mixed_types(into, fields, problems)
    return into


def _read_table(
    table: Table, checker: RowChecker, indexer: RowIndexer, into: Ingested, quarantine: Quarantine
) -> None:
    before = into.rows_read
    with table.open({*checker.known, *checker.conditions}) as opened:
        checker.check_table(table, opened.columns)
        for row in with_progress(opened.rows, f"prepare: {table.name}"):
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
                _store(checked, indexer, table, row.number, into)
            else:
                quarantine.reject(table.place(row.number), checked, row.values)
    if into.rows_read == before:
        raise DataError(f"{table.name}: no rows")


def _store(row: CheckedRow, indexer: RowIndexer, table: Table, number: int, into: Ingested) -> None:
    code = NO_LABEL
    if row.label is not None:
        code = into.labels.setdefault(row.label, len(into.labels))
        into.label_types.note(row.label, lambda: table.place(number))
    for name, value in zip(
        into.extra_types, row.extras, strict=False
    ):  # a row of an external source has none
        if value is not None:
            into.extra_types[name].note(json.loads(value), lambda: table.place(number))
    answers = row.answers or into.no_answers
    details = row.label_details or into.no_label_details
    extras = row.extras or (None,) * len(into.extra_types)
    size = indexer.size(row)
    numbers = (size, code, len(into.tables) - 1, number)
    into.row_store.append(
        (*row.content, *answers, *details, row.identity, *extras, indexer.hashes(row), *numbers), size
    )


def _refuse_mixed_types(into: Ingested, fields: RowSchema, problems: Problems) -> None:
    label = [(fields.label.name, into.label_types)] if fields.label else []
    for name, types in [*label, *into.extra_types.items()]:
        if len(types.first) > 1:
            text, number = types.first["text"], types.first["number"]
            what = f"{name}: a text here, a number at {number}; write all as one or the other"
            if types is into.label_types:  # public data sets write rows without a label as class number -1
                what += ', or leave rows without a class name out (`keep_if: "type(label) == string"`)'
            problems.add(text, what)
