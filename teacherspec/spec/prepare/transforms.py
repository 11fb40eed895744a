"""`params.yaml: prepare.sources.transforms`: small declared changes to rows, never code.

What each of them does to a row is in `prepare/transforms.py`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from teacherspec.spec.section import Section


class TextTransform(Section):
    """A change to the texts of some columns; other values stay as they are."""

    columns: tuple[str, ...] = Field(min_length=1)
    """Columns of the file."""


class Strip(TextTransform):
    """Remove white space at both ends."""

    kind: Literal["strip"]
    """The change."""


class Unicode(TextTransform):
    """Normalise all texts to one Unicode form."""

    kind: Literal["unicode"]
    """The change."""

    form: Literal["NFC", "NFKC"]
    """`NFC` composes letters and marks; `NFKC` also replaces compatible forms (wide letters,
    ligatures), except for superscripts, subscripts, fractions and digits in circles, which would then read as
    other numbers."""


class RemoveControls(TextTransform):
    """Remove control characters, except tab and line ends, and colours of terminals; separators of pages and
    records become line ends, so that no words are joined."""

    kind: Literal["remove_controls"]
    """The change."""


class Map(Section):
    """Replace the values of a column, such as labels."""

    kind: Literal["map"]
    """The change."""

    column: str
    """Column of the file."""

    values: dict[str, str] = Field(min_length=1)
    """Value as written in the file → value to use."""

    others: Literal["refuse", "keep", "leave_out"] = "refuse"
    """Values not listed: refuse the row, keep the value, or leave the row out."""


class Constant(Section):
    """The same value in every row, for a column that the file does not have."""

    kind: Literal["constant"]
    """The change."""

    column: str
    """Column to add."""

    value: str | int
    """Its value."""


class Drop(Section):
    """Rows without some columns, such as a system prompt that is not to be learned from."""

    kind: Literal["drop"]
    """The change."""

    columns: tuple[str, ...] = Field(min_length=1)
    """Columns of the file."""


class Labels(Section):
    """A list of labels for tasks whose rows may have several: from one text with separators, or from one
    column a label."""

    kind: Literal["labels"]
    """The change."""

    column: str = "labels"
    """Column of the file with the text, or the column to add."""

    separator: str | None = Field(default=None, min_length=1, max_length=10)
    """Between the labels in the text, such as `,` or `|`; white space around labels is removed, and an empty
    text has none."""

    columns: tuple[str, ...] = ()
    """One column of the file a label, named like it: the row has the label where it holds 1 or true, and not
    where it holds 0, false or nothing."""

    names: tuple[str, ...] = ()
    """Label names by number, from 0, where the text has numbers in their place."""

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if (self.separator is None) == (not self.columns):
            raise ValueError("declare `separator`, or one column a label as `columns`, and not both")
        if self.columns and self.names:
            raise ValueError("`names` are for numbers in a text; columns are named by their labels")
        return self


class Filter(Section):
    """Only rows for which an expression holds."""

    kind: Literal["filter"]
    """The change."""

    keep_if: str = Field(min_length=1, max_length=1000)
    """A condition in CEL, the Common Expression Language (cel.dev), over the columns of the file:
    `lang == "en" && size(text) > 10`. CEL cannot loop endlessly, call other programs or change data."""

    @field_validator("keep_if")
    @classmethod
    def _is_cel(cls, keep_if: str) -> str:
        import cel  # only where a filter is declared

        try:
            cel.compile(keep_if)
        except ValueError as error:
            raise ValueError(cel_message(error)) from error
        return keep_if


Transform = Annotated[
    Strip | Unicode | RemoveControls | Map | Constant | Drop | Labels | Filter, Field(discriminator="kind")
]


def cel_message(error: Exception) -> str:
    """The first line of an error of CEL, without its prefix: the other lines point at the position."""
    first_line = str(error).splitlines()[0]
    return first_line.partition("ERROR: <input>:")[2] or first_line
