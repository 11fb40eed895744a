"""Small changes to the rows of a source, each declared; never code."""

import re
import unicodedata
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from teacherspec.spec.section import Section
from teacherspec.tasks.columns.base import ColumnError, nearest, shown

Values = dict[str, Any]
Apply = Callable[[Values], bool]
"""Changes the values of a row in place; false where the row is to be left out."""

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class TextTransform(Section):
    """A change to the texts of some columns; other values stay as they are."""

    columns: tuple[str, ...] = Field(min_length=1)
    """Columns of the file."""

    @abstractmethod
    def change(self, text: str) -> str:
        """The changed text."""

    def uses(self) -> frozenset[str]:
        """The columns it reads or adds."""
        return frozenset(self.columns)

    def ready(self) -> Apply:
        """The change, ready for many rows."""
        columns, change = self.columns, self.change

        def apply(values: Values) -> bool:
            for column in columns:
                value = values.get(column)
                if isinstance(value, str):
                    values[column] = change(value)
            return True

        return apply


class Strip(TextTransform):
    """White space off both ends."""

    kind: Literal["strip"]
    """The change."""

    def change(self, text: str) -> str:
        """The text without white space at its ends."""
        return text.strip()


class Unicode(TextTransform):
    """One Unicode form for all texts."""

    kind: Literal["unicode"]
    """The change."""

    form: Literal["NFC", "NFKC"]
    """`NFC` composes letters and marks; `NFKC` also replaces compatible forms (wide letters, ligatures)."""

    def change(self, text: str) -> str:
        """The text in this form."""
        return unicodedata.normalize(self.form, text)


class RemoveControls(TextTransform):
    """Control characters out, except tab and line ends."""

    kind: Literal["remove_controls"]
    """The change."""

    def change(self, text: str) -> str:
        """The text without them."""
        return _CONTROLS.sub("", text)


class Map(Section):
    """Other names for the values of a column, such as labels."""

    kind: Literal["map"]
    """The change."""

    column: str
    """Column of the file."""

    values: dict[str, str] = Field(min_length=1)
    """Value as written in the file → value to use."""

    others: Literal["refuse", "keep", "leave_out"] = "refuse"
    """Values not named: refuse the row, keep the value, or leave the row out."""

    def uses(self) -> frozenset[str]:
        """The columns it reads or adds."""
        return frozenset({self.column})

    def ready(self) -> Apply:
        """The change, ready for many rows."""

        def apply(values: Values) -> bool:
            given = str(values.get(self.column))
            if given in self.values:
                values[self.column] = self.values[given]
            elif self.others == "refuse":
                hint = nearest(given, tuple(self.values))
                raise ColumnError(f"{self.column}: not named by the map (given {shown(given)}; {hint})")
            return given in self.values or self.others == "keep"

        return apply


class Constant(Section):
    """The same value in every row, for a column that the file does not have."""

    kind: Literal["constant"]
    """The change."""

    column: str
    """Column to add."""

    value: str | int
    """Its value."""

    def uses(self) -> frozenset[str]:
        """The columns it reads or adds."""
        return frozenset({self.column})

    def ready(self) -> Apply:
        """The change, ready for many rows."""

        def apply(values: Values) -> bool:
            if self.column in values:
                raise ColumnError(f"{self.column}: the file has this column; a constant would hide it")
            values[self.column] = self.value
            return True

        return apply


class Filter(Section):
    """Only rows for which an expression holds."""

    kind: Literal["filter"]
    """The change."""

    keep_if: str = Field(min_length=1, max_length=1000)
    """A condition in CEL, the Common Expression Language (cel.dev), over the columns of the file:
    `lang == "en" && size(text) > 10`. CEL cannot loop without end, call out or change anything."""

    @field_validator("keep_if")
    @classmethod
    def _is_cel(cls, keep_if: str) -> str:
        import cel

        try:
            cel.compile(keep_if)
        except ValueError as error:
            raise ValueError(_cel_message(error)) from error
        return keep_if

    def uses(self) -> frozenset[str]:
        """The columns it reads or adds."""
        import cel

        return frozenset(cel.compile(self.keep_if).variables())

    def ready(self) -> Apply:
        """The condition, ready for many rows."""
        import cel

        program = cel.compile(self.keep_if)

        def apply(values: Values) -> bool:
            try:
                answer = program.execute(values)
            except (RuntimeError, TypeError, ValueError, ArithmeticError) as error:
                raise ColumnError(f"keep_if: {_cel_message(error)}") from error
            if not isinstance(answer, bool):
                raise ColumnError(f"keep_if: must be true or false (it is {shown(answer)})")
            return answer

        return apply


Transform = Annotated[Strip | Unicode | RemoveControls | Map | Constant | Filter, Field(discriminator="kind")]


def _cel_message(error: Exception) -> str:
    """The first line of an error of CEL, without its prefix: the rest draws the place with arrows."""
    return str(error).splitlines()[0].partition("ERROR: <input>:")[2] or str(error).splitlines()[0]
