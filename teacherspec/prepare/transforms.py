"""The declared transforms applied to rows. `Filter` is evaluated by `common-expression-language`."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

from teacherspec.spec.prepare.transforms import (
    Constant,
    Drop,
    Filter,
    Labels,
    Map,
    RemoveControls,
    Strip,
    TextTransform,
    Transform,
    Unicode,
    cel_message,
)
from teacherspec.tasks.shared.columns.base import ColumnError, nearest, shown
from teacherspec.text.unicode_forms import unicode_form

PRESENT: tuple[Any, ...] = (1, "1", "1.0", "true", "True", "TRUE")
ABSENT: tuple[Any, ...] = (0, "0", "0.0", "false", "False", "FALSE", "", None)
"""Values of a column of one label; `true` and `false` of JSON equal 1 and 0."""

Values = dict[str, Any]
Apply = Callable[[Values], bool]
"""Changes the values of a row in place; False where the row is to be left out. Raises `ColumnError`."""

_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x7f]")
_SEPARATORS = re.compile("[\x0b\x0c\x1c-\x1f]")
_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
"""Sequences that a terminal reads as colours and movements; without their first character they would show."""


class RowTransform(NamedTuple):
    """A declared transform, compiled for many rows.

    Attributes:
        columns: columns of the file that it reads or adds.
        apply: the change.
    """

    columns: frozenset[str]
    apply: Apply


def compile_transform(transform: Transform) -> RowTransform:
    """The change that a section declares."""
    return _COMPILERS[type(transform)](transform)


def _of_texts(section: TextTransform, change: Callable[[str], str]) -> RowTransform:
    columns = section.columns

    def apply(values: Values) -> bool:
        for column in columns:
            value = values.get(column)
            if isinstance(value, str):
                values[column] = change(value)
        return True

    return RowTransform(frozenset(columns), apply)


def _strip(section: Strip) -> RowTransform:
    return _of_texts(section, str.strip)


def _unicode(section: Unicode) -> RowTransform:
    if section.form == "NFC":
        return _of_texts(section, lambda text: unicode_form("NFC", text))

    def compatible(text: str) -> str:
        if text.isascii():
            return text
        return "".join(
            unicode_form("NFC" if at % 2 else "NFKC", piece)
            for at, piece in enumerate(_raised_or_lowered().split(text))
        )

    return _of_texts(section, compatible)


@cache
def _raised_or_lowered() -> re.Pattern[str]:
    """Superscripts, subscripts, fractions and digits in circles: as plain digits they join what is next to
    them and read as another number.
    """
    tags = ("<super>", "<sub>", "<fraction>", "<circle>")
    found = (
        chr(code) for code in range(0x80, 0x30000) if unicodedata.decomposition(chr(code)).startswith(tags)
    )
    return re.compile(f"([{''.join(found)}]+)")


def _remove_controls(section: RemoveControls) -> RowTransform:
    return _of_texts(section, _without_controls)


def _without_controls(text: str) -> str:
    return _CONTROLS.sub("", _SEPARATORS.sub("\n", _TERMINAL.sub("", text)))


def _map(section: Map) -> RowTransform:
    def apply(values: Values) -> bool:
        given = str(values.get(section.column))
        if given in section.values:
            values[section.column] = section.values[given]
        elif section.others == "refuse":
            hint = nearest(given, tuple(section.values))
            raise ColumnError(f"{section.column}: not listed in the map (given {shown(given)}; {hint})")
        return given in section.values or section.others == "keep"

    return RowTransform(frozenset({section.column}), apply)


def _constant(section: Constant) -> RowTransform:
    def apply(values: Values) -> bool:
        if section.column in values:
            raise ColumnError(f"{section.column}: the file has this column; a constant would hide it")
        values[section.column] = section.value
        return True

    return RowTransform(frozenset({section.column}), apply)


def _drop(section: Drop) -> RowTransform:
    def apply(values: Values) -> bool:
        for column in section.columns:
            values.pop(column, None)
        return True

    return RowTransform(frozenset(section.columns), apply)


def _labels(section: Labels) -> RowTransform:
    separator, names = section.separator, section.names
    if separator is None:
        return RowTransform(
            frozenset({section.column, *section.columns}),
            partial(_from_columns, section.column, section.columns),
        )

    def apply(values: Values) -> bool:
        given = values.get(section.column)
        if given is None or isinstance(given, bool) or not isinstance(given, str | int):
            raise ColumnError(f"{section.column}: must be a text with labels (given {shown(given)})")
        parts = [part.strip() for part in str(given).split(separator)] if str(given).strip() else []
        if blank := [place for place, part in enumerate(parts, start=1) if not part]:
            raise ColumnError(
                f"{section.column}: label {blank[0]} is blank (given {shown(given)}); "
                f"remove the superfluous {shown(separator)}"
            )
        values[section.column] = [_named(section.column, part, names) for part in parts] if names else parts
        return True

    return RowTransform(frozenset({section.column}), apply)


def _named(column: str, number: str, names: Sequence[str]) -> str:
    if number.isascii() and number.isdecimal() and int(number) < len(names):
        return names[int(number)]
    raise ColumnError(
        f"{column}: {shown(number)} is no number of a label (allowed: 0 to {len(names) - 1}, of `names`)"
    )


def _from_columns(column: str, labels: Sequence[str], values: Values) -> bool:
    if column in values and column not in labels:
        raise ColumnError(f"{column}: the file has this column; name another `column` for the labels")
    found, problems = [], []
    for label in labels:
        if label not in values:
            problems.append(f"{label}: missing (no such column in this row); correct `columns`")
            continue
        given = values.pop(label)
        if given in PRESENT:
            found.append(label)
        elif given not in ABSENT:
            problems.append(f"{label}: must be 0 or 1 (given {shown(given)})")
    if problems:
        raise ColumnError("; ".join(problems))
    values[column] = found
    return True


def _filter(section: Filter) -> RowTransform:
    import cel

    program = cel.compile(section.keep_if)

    def apply(values: Values) -> bool:
        try:
            holds = program.execute(values)
        except (RuntimeError, TypeError, ValueError, ArithmeticError) as error:
            raise ColumnError(f"keep_if: {cel_message(error)}") from error
        if not isinstance(holds, bool):
            raise ColumnError(f"keep_if: must be true or false (it is {shown(holds)})")
        return holds

    return RowTransform(frozenset(program.variables()), apply)


_COMPILERS: Mapping[type, Callable[[Any], RowTransform]] = {
    Strip: _strip,
    Unicode: _unicode,
    RemoveControls: _remove_controls,
    Map: _map,
    Constant: _constant,
    Drop: _drop,
    Labels: _labels,
    Filter: _filter,
}
"""One entry for each kind of transform."""
