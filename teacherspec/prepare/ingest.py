"""From sources to a spool of valid rows: every problem with its place, nothing kept in memory."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from teacherspec.errors import DataError
from teacherspec.prepare.problems import Problems
from teacherspec.prepare.rows import BadRow, BlankRow, Row, Table
from teacherspec.prepare.section import Source
from teacherspec.prepare.spool import Spool
from teacherspec.tasks.fields import Field, FieldError, RowFields, TextField, nearest, shown

NO_LABEL = -1
ID = TextField("id", max_characters=200)

INDEX = {
    "key_high": "uint64",
    "key_low": "uint64",
    "answer": "uint64",
    "digest": "uint64",
    "given_id": "uint64",
    "label": "int32",
    "characters": "int32",
    "table": "int32",
    "number": "int64",
}
"""Numbers kept beside every row, all functions of the row alone. `key_high`, `key_low`: 128-bit hash of
the normalised content. `answer`: hash of the normalised answers. `digest`: hash of everything in the
row, to choose among equals whatever the order. `given_id`: hash of the id, 0 without one. `table`,
`number`: where the row came from."""


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
        labels: label value → code, in order of first appearance.
        rows_read: rows seen, broken ones included.
        blank_lines: lines with nothing on them.
    """

    spool: Spool
    tables: list[Table] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    labels: dict[str | int, int] = field(default_factory=dict)
    label_kinds: Kinds = field(default_factory=Kinds)
    kept_kinds: dict[str, Kinds] = field(default_factory=dict)
    rows_read: int = 0
    blank_lines: int = 0

    def place(self, row: int) -> str:
        """`file:line` of a row of the sealed spool."""
        found = self.spool.gather(np.array([row]), ["table", "number"]).to_pylist()[0]
        table: Table = self.tables[found["table"]]
        return table.place(found["number"])


def kept_column(name: str) -> str:
    """The spool's name of a kept column: its values lie there as JSON until their type is known."""
    return f"kept:{name}"


def new_spool(path: Path, fields: RowFields, keep: Sequence[str]) -> Spool:
    """An empty spool for rows of these fields."""
    import pyarrow as pa

    payload = [(rule.name, rule.storage()) for rule in (*fields.content, *fields.answers)]
    kept = [(kept_column(name), pa.string()) for name in keep]
    index = [(name, pa.type_for_alias(kind)) for name, kind in INDEX.items()]
    return Spool(path, pa.schema([*payload, ("id", pa.string()), *kept, *index]))


def ingest(
    root: Path,
    sources: Sequence[Source],
    fields: RowFields,
    keep: Sequence[str],
    into: Ingested,
    problems: Problems,
) -> None:
    """Read every row of every source; valid rows go into the spool, the others into `problems`."""
    into.kept_kinds = {name: Kinds() for name in keep}
    for number, source in enumerate(sources):
        try:
            tables = source.tables(root)
        except DataError as error:
            problems.add_error(error)
            continue
        for table in tables:
            into.tables.append(table)
            into.sources.append(number)
            before = into.rows_read
            try:
                _TableReader(source, fields, keep, into, problems).read(table)
            except DataError as error:
                problems.add_error(error)
            else:
                if into.rows_read == before:
                    problems.add(f"{table.name}: no rows")
    _refuse_mixed_kinds(into, fields, problems)


class _TableReader:
    """Reads one table; holds what is looked up for every row."""

    def __init__(
        self, source: Source, fields: RowFields, keep: Sequence[str], into: Ingested, problems: Problems
    ) -> None:
        def column(name: str) -> str:
            return source.columns.get(name, name)

        label = fields.label if source.role != "ood" else None
        self.content = [(rule, column(rule.name)) for rule in fields.content]
        self.answers = [(rule, column(rule.name)) for rule in fields.answers]
        self.label = (label, column(label.name)) if label else None
        self.keep = [(name, column(name)) for name in keep]
        self.id_column = column("id")
        self.id_declared = "id" in source.columns
        self.ignore_others = source.other_columns == "ignore"
        self.source = source
        self.fields = fields
        self.into = into
        self.problems = problems
        required = [*self.content, *self.answers, *([self.label] if self.label else [])]
        self.required = [name for _, name in required] + [name for _, name in self.keep]
        unlabelled = {column(fields.label.name)} if fields.label and not label else set()
        self.known = {*self.required, self.id_column} | unlabelled

    def read(self, table: Table) -> None:
        """Read the table. Raises DataError when it cannot be read as a whole."""
        self.table = table
        self.table_index = len(self.into.tables) - 1
        self._check_names()
        opened = table.open(self.known)
        if opened.columns is not None:
            self._check_columns(opened.columns)
        for row in opened.rows:
            if isinstance(row, BlankRow):
                self.into.blank_lines += 1
                continue
            self.into.rows_read += 1
            if isinstance(row, BadRow):
                self.problems.add(f"{table.place(row.number, row.position)}: {row.problem}")
            else:
                self._take(row)

    def _check_names(self) -> None:
        names = [rule.name for rule in self.fields.columns()] + [name for name, _ in self.keep] + ["id"]
        unknown = [name for name in self.source.columns if name not in names]
        if unknown:
            raise DataError(
                f"{self.table.name}: prepare.sources.columns: the task has no column "
                f"{shown(unknown[0])}; {nearest(unknown[0], names)}"
            )

    def _check_columns(self, columns: tuple[str, ...]) -> None:
        required = [*self.required, *([self.id_column] if self.id_declared else [])]
        where = self.table.place(1)
        lost = [name for name in required if name not in columns]
        found = ", ".join(columns[:20])
        problems = [
            f"{where}: column {shown(name)} not found (columns: {found}); name it in `columns` of the source"
            for name in lost
        ]
        if not problems and not self.ignore_others and (extra := [c for c in columns if c not in self.known]):
            problems = [f"{where}: {_unused(extra)}"]
        if problems:
            raise DataError(problems)

    def _take(self, row: Row) -> None:
        values = row.values
        wrong: list[str] = []
        content = [self._value(rule, column, values, wrong) for rule, column in self.content]
        answers = [self._value(rule, column, values, wrong) for rule, column in self.answers]
        label = self._value(*self.label, values, wrong) if self.label else None
        identity = self._identity(values, wrong)
        kept = [self._kept(name, column, values, wrong) for name, column in self.keep]
        if not self.ignore_others and (extra := values.keys() - self.known):
            wrong.append(_unused(sorted(extra)))
        if wrong:
            for problem in wrong:
                self.problems.add(f"{self.table.place(row.number)}: {problem}")
            return
        self._spool(row.number, content, answers, label, identity, kept)

    def _value(self, rule: Field, column: str, values: dict[str, Any], wrong: list[str]) -> Any:
        if column not in values:
            wrong.append(f"{rule.name}: missing (no {shown(column)} in this row)")
            return None
        try:
            return rule.read(values[column])
        except FieldError as error:
            wrong.append(f"{column}: {error}")
            return None

    def _identity(self, values: dict[str, Any], wrong: list[str]) -> str | None:
        if not self.id_declared and self.id_column not in values:
            return None
        if self.id_column not in values:
            wrong.append(f"id: missing (no {shown(self.id_column)} in this row)")
            return None
        value = values[self.id_column]
        try:
            return ID.read(str(value) if isinstance(value, int) and not isinstance(value, bool) else value)
        except FieldError as error:
            wrong.append(f"{self.id_column}: {error}")
            return None

    def _kept(self, name: str, column: str, values: dict[str, Any], wrong: list[str]) -> str | None:
        if column not in values:
            wrong.append(f"{name}: missing (no {shown(column)} in this row; see prepare.keep_columns)")
            return None
        value = values[column]
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            wrong.append(f"{column}: must be a text or a number to be kept (given {shown(value)})")
            return None
        return json.dumps(value, ensure_ascii=True)

    def _spool(
        self,
        number: int,
        content: list[Any],
        answers: list[Any],
        label: str | int | None,
        identity: str | None,
        kept: list[str | None],
    ) -> None:
        into = self.into
        code = NO_LABEL
        if label is not None:
            code = into.labels.setdefault(label, len(into.labels))
            into.label_kinds.note(label, lambda: self.table.place(number))
        for (name, _), value in zip(self.keep, kept, strict=True):
            if value is not None:
                into.kept_kinds[name].note(json.loads(value), lambda: self.table.place(number))
        key = _hash([rule.key(value) for (rule, _), value in zip(self.content, content, strict=True)], 16)
        answer = _hash([rule.key(value) for (rule, _), value in zip(self.answers, answers, strict=True)], 8)
        everything = [repr((content, answers, label, identity, kept)).encode("utf-8", "surrogatepass")]
        characters = sum(
            len(rule.text(value)) for (rule, _), value in zip(self.content, content, strict=True)
        )
        into.spool.append(
            (
                *content,
                *answers,
                identity,
                *kept,
                int.from_bytes(key[:8], "big"),
                int.from_bytes(key[8:], "big"),
                int.from_bytes(answer, "big") if answers else 0,
                int.from_bytes(_hash(everything, 8), "big"),
                int.from_bytes(_hash([identity.encode("utf-8", "surrogatepass")], 8), "big")
                if identity
                else 0,
                code,
                characters,
                self.table_index,
                number,
            )
        )


def _hash(parts: Sequence[bytes], size: int) -> bytes:
    """BLAKE2b of the parts; their lengths are hashed too, so that no two lists of parts run together."""
    digest = blake2b(digest_size=size)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _unused(columns: Sequence[str]) -> str:
    names = ", ".join(shown(column) for column in columns[:10])
    return f"{names}: not used by the task; keep (`keep_columns`), or declare `other_columns: ignore`"


def _refuse_mixed_kinds(into: Ingested, fields: RowFields, problems: Problems) -> None:
    label: list[tuple[str, Kinds]] = [(fields.label.name, into.label_kinds)] if fields.label else []
    for name, kinds in [*label, *into.kept_kinds.items()]:
        if len(kinds.first) > 1:
            text, number = kinds.first["text"], kinds.first["number"]
            problems.add(
                f"{text}: {name}: a text here, a number at {number}; write all as texts or all as numbers"
            )
