"""Validates one row of a file against the columns of the task."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from teacherspec.errors import DataError
from teacherspec.prepare.row_types import Table
from teacherspec.prepare.transforms import compile_transform
from teacherspec.spec.prepare.source_base import SourceBase
from teacherspec.spec.prepare.split_names import WITHOUT_LABEL
from teacherspec.tasks.shared.columns.base import ColumnError, ValueReader, nearest, shown
from teacherspec.tasks.shared.columns.row_schema import RowSchema
from teacherspec.tasks.shared.columns.text import TextColumn
from teacherspec.text.look_alikes import look_alike_key
from teacherspec.text.unicode_forms import is_blank

NAME = TextColumn("name", max_characters=200)
"""How ids and groups are validated."""


@dataclass(frozen=True)
class ExtraColumns:
    """Columns of a row in addition to those of the task.

    Attributes:
        keep: columns stored with the row.
        group: column whose rows with equal values stay in one split, or None.
        no_group: values of it that stand for no group; the empty text also for null.
    """

    keep: tuple[str, ...] = ()
    group: str | None = None
    no_group: frozenset[str] = frozenset()


IN_PROMPT = (
    "belongs to the prompt of the row, and would be dropped; {remedy}, or remove it on purpose with a "
    "transform `{{kind: drop, columns: […]}}`"
)
"""What is wrong with a column that conditions the answer and is not read."""


class CheckedRow(NamedTuple):
    """A valid row, with values in the order of the columns.

    `identity` and `group` are None where the row has none; extra values are JSON, None where null. A row
    whose label is not read has no label details.
    """

    content: tuple[Any, ...]
    answers: tuple[Any, ...]
    label: str | int | None
    identity: str | None
    group: str | None
    extras: tuple[str | None, ...]
    label_details: tuple[Any, ...]


class RowChecker:
    """Validates the rows of one source.

    Attributes:
        known: columns of the file that are used.
        conditions: columns that are read only to see that nothing of the prompt is dropped, and how
            to declare each.
        changed: kind of change to values while reading → how often.
    """

    def __init__(self, source: SourceBase, fields: RowSchema, extra_columns: ExtraColumns) -> None:
        """For the columns of `source` that its role needs."""

        def column(name: str) -> str:
            return source.columns.get(name, name)

        def read_from(rule: ValueReader) -> str:
            return source.columns.get(rule.name, column(rule.source_column))

        self._columns = source.columns
        needed = fields.without_label() if source.role in WITHOUT_LABEL else fields
        external = source.role == "external"
        if external:
            needed, extra_columns = RowSchema(fields.content, pair_order=fields.pair_order), ExtraColumns()
        self._content = [(rule, read_from(rule)) for rule in needed.content]
        self._answers = [(rule, read_from(rule)) for rule in needed.answers]
        self._distribution = needed.distribution()
        self._label_set = needed.label_set()
        reads_label = needed.label is not None and self._distribution is None
        self._label = (needed.label, column(needed.label.name)) if needed.label and reads_label else None
        self._label_details = [(rule, read_from(rule)) for rule in needed.label_details]
        self._checks = needed.checks
        self._keep = [(name, column(name)) for name in extra_columns.keep]
        self._group = column(extra_columns.group) if extra_columns.group else None
        self._id = column("id")
        self._id_declared = "id" in source.columns and not external
        self._id_counts = not external and source.ids == "use"
        self._no_group = extra_columns.no_group
        self._others = source.other_columns
        self.conditions = fields.conditions
        self._required = [
            *(read_from(rule) for rule in needed.read_columns() if not rule.optional),
            *(
                column(name)
                for name in (*extra_columns.keep, *([extra_columns.group] if extra_columns.group else []))
            ),
            *([self._id] if self._id_declared else []),
        ]
        self._transforms = [compile_transform(transform) for transform in source.transforms]
        self._made = frozenset[str]().union(*(transform.columns for transform in self._transforms))
        self.known = {
            *self._made,
            *self._required,
            *map(read_from, fields.read_columns()),
            self._id,
        }
        allowed = [
            *dict.fromkeys(
                name for rule in fields.read_columns() for name in (rule.name, rule.source_column)
            ),
            *extra_columns.keep,
            "id",
            *filter(None, [extra_columns.group]),
        ]
        self.changed: Counter[str] = Counter()
        self._unknown = [(name, nearest(name, allowed)) for name in source.columns if name not in allowed]

    def check_table(self, table: Table, columns: tuple[str, ...] | None) -> None:
        """Refuse a table whose columns do not fit the declaration.

        Raises:
            DataError: `columns` of the source names no column of the task, or a column is not there or
                not used.
        """
        problems = [
            f"prepare.sources.columns: the task has no column {shown(n)}; {hint}" for n, hint in self._unknown
        ]
        if columns is not None and not problems:
            found = ", ".join(columns[:20])
            no_known_column = not self.known.intersection(columns)
            hint = "is the header missing?" if no_known_column else "name it in `columns` of the source"
            problems = [
                f"{table.place(1)}: column {shown(name)} not found (columns: {found}); "
                f"{self._renamed(name, columns) or hint}"
                for name in self._required
                if name not in columns and name not in self._made
            ] or [f"{table.place(1)}: {problem}" for problem in self._unused(columns)]
        if problems:
            raise DataError(problems)

    def _renamed(self, name: str, columns: Iterable[str]) -> str:
        """How to declare a column whose name differs in case or white space only; empty without one."""
        for column in columns:
            if column not in self.known and look_alike_key(column) == look_alike_key(name):
                declared = next((own for own, used in self._columns.items() if used == name), name)
                return f"declare `columns: {{{declared}: {json.dumps(column, ensure_ascii=False)}}}`"
        return ""

    def check(self, values: dict[str, Any]) -> CheckedRow | list[str] | None:
        """The validated row, everything that is wrong with it, or None to leave it out.

        The transforms of the source change `values` in place.
        """
        try:
            if not all(transform.apply(values) for transform in self._transforms):
                return None
        except ColumnError as error:
            return [str(error)]
        wrong: list[str] = []
        row = CheckedRow(
            tuple([self._value(rule, column, values, wrong) for rule, column in self._content]),
            tuple([self._value(rule, column, values, wrong) for rule, column in self._answers]),
            self._value(*self._label, values, wrong) if self._label else None,
            self._identity(values, wrong),
            self._grouped(self._group, values, wrong) if self._group else None,
            tuple([self._extra(name, column, values, wrong) for name, column in self._keep]),
            tuple([self._value(rule, column, values, wrong) for rule, column in self._label_details]),
        )
        if self._checks and not wrong:
            row = self._compared(row, wrong)
        if not values.keys() <= self.known:
            wrong += self._unused(values)
            wrong += self._dropped(values)
        return wrong or self._with_label(row)

    def _with_label(self, row: CheckedRow) -> CheckedRow:
        """The row with the label that its details give: the likeliest class, or all labels as one text."""
        details = dict(zip((rule.name for rule, _ in self._label_details), row.label_details, strict=True))
        if self._distribution is not None:
            return row._replace(label=self._distribution.label_of(details[self._distribution.name]))
        if self._label_set is not None:
            return row._replace(label=self._label_set.as_label(details[self._label_set.name]))
        return row

    def _compared(self, row: CheckedRow, wrong: list[str]) -> CheckedRow:
        """The row with its label details as they are stored, once they are checked with its content."""
        content = dict(zip((rule.name for rule, _ in self._content), row.content, strict=True))
        details = dict(zip((rule.name for rule, _ in self._label_details), row.label_details, strict=True))
        columns = {rule.name: column for rule, column in self._label_details}
        for check in self._checks:
            of_content, of_label = check.columns
            try:
                details[of_label] = check.read(content[of_content], details[of_label])
            except ColumnError as error:
                wrong.append(f"{columns[of_label]}: {error}")
        return row._replace(label_details=tuple(details.values()))

    def _value(self, rule: ValueReader, column: str, values: dict[str, Any], wrong: list[str]) -> Any:
        if column not in values and rule.optional:
            return rule.read(None)
        if column not in values:
            hint = self._renamed(column, values)
            wrong.append(f"{rule.name}: missing (no {shown(column)} in this row{hint and f'; {hint}'})")
            return None
        try:
            for change in rule.changes(values[column]):
                self.changed[f"{column}: {change}"] += 1
            return rule.read(values[column])
        except ColumnError as error:
            wrong.append(f"{column}: {error}")
            return None

    def _identity(self, values: dict[str, Any], wrong: list[str]) -> str | None:
        if not self._id_counts or (self._id not in values and not self._id_declared):
            return None
        return self._name("id", self._id, values, wrong)

    def _grouped(self, column: str, values: dict[str, Any], wrong: list[str]) -> str | None:
        if column not in values:
            return self._name("group", column, values, wrong)
        given = values[column]
        if ("" if given is None else str(given)) in self._no_group:
            return None
        if given is None or (isinstance(given, str) and is_blank(given)):
            wrong.append(
                f"{column}: is blank (given {shown(given)}); give the row a group, or declare "
                '`prepare.no_group: [""]` for rows without one'
            )
            return None
        return self._name("group", column, values, wrong)

    def _name(self, what: str, column: str, values: dict[str, Any], wrong: list[str]) -> str | None:
        if column not in values:
            wrong.append(f"{what}: missing (no {shown(column)} in this row)")
            return None
        value = values[column]
        try:
            return NAME.read(str(value) if type(value) is int else value)
        except ColumnError as error:
            wrong.append(f"{column}: {error}")
            return None

    def _extra(self, name: str, column: str, values: dict[str, Any], wrong: list[str]) -> str | None:
        if column not in values:
            wrong.append(f"{name}: missing (no {shown(column)} in this row; see prepare.keep_columns)")
            return None
        value = values[column]
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            wrong.append(f"{column}: must be a text or a number to be kept (given {shown(value)})")
            return None
        return json.dumps(value)

    def _dropped(self, values: dict[str, Any]) -> list[str]:
        """Values that belong to the prompt, which ignoring other columns would drop."""
        if self._others != "ignore":
            return []
        return [
            f"{shown(column)}: {IN_PROMPT.format(remedy=remedy)}"
            for column, remedy in self.conditions.items()
            if column not in self.known and values.get(column) not in (None, "", [], {})
        ]

    def _unused(self, columns: Sequence[str] | dict[str, Any]) -> list[str]:
        extra = [column for column in columns if column not in self.known]
        if self._others == "ignore" or not extra:
            return []
        names = ", ".join(shown(column) for column in extra[:10])
        if conditioning := [column for column in extra if column in self.conditions]:
            remedies = "; ".join(dict.fromkeys(self.conditions[column] for column in conditioning))
            return [f"{', '.join(map(shown, conditioning))}: {IN_PROMPT.format(remedy=remedies)}"]
        remedy = "name it in `prepare.keep_columns` or declare `other_columns: ignore`"
        return [f"{names}: the task does not use it; {remedy}"]
