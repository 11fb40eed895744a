"""The declared transforms applied to rows. `Filter` is evaluated by `common-expression-language`."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from teacherspec.spec.prepare.transforms import (
    Constant,
    Drop,
    Filter,
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
    Filter: _filter,
}
"""One entry for each kind of transform."""
