"""Columns that hold texts, and the normalisation under which texts are compared."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from teacherspec.tasks.shared.columns.base import Column, ColumnError, shown
from teacherspec.text.unicode_forms import is_blank, unicode_form

if TYPE_CHECKING:
    import pyarrow as pa

UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters and half surrogate pairs, which no text may hold."""


@dataclass(frozen=True)
class TextColumn(Column):
    """A text that is not blank and holds neither control characters nor half surrogate pairs.

    Attributes:
        max_characters: longest text accepted; a longer one is a broken file far more often than a text.
    """

    max_characters: int = 1_000_000

    def read(self, value: Any) -> str:
        """The text as given. Raises `ColumnError`."""
        if not isinstance(value, str):
            raise ColumnError(f"must be a text (given {shown(value)})")
        if is_blank(value):
            raise ColumnError(f"is blank (given {shown(value)}); give a text or take the row out")
        if unwritable := UNWRITABLE.search(value):
            code = ord(unwritable.group())
            name = "half of a surrogate pair" if code >= 0xD800 else "a control character"
            raise ColumnError(
                f"holds {name} (U+{code:04X}) at character {unwritable.start() + 1}; repair the text"
            )
        if len(value) > self.max_characters:
            raise ColumnError(
                f"has {len(value)} characters (allowed: {self.max_characters}); shorten or split it"
            )
        return value

    def key(self, value: Any) -> bytes:
        """UTF-8 of the text as compared."""
        return compared(value, self.exact).encode("utf-8")

    def arrow_type(self) -> "pa.DataType":
        """Text."""
        import pyarrow as pa

        return pa.string()

    def text(self, value: Any) -> str:
        """The text itself."""
        return str(value)


@dataclass(frozen=True)
class OptionalTextColumn(TextColumn):
    """A text that may be left empty, null or out."""

    optional: ClassVar[bool] = True

    def read(self, value: Any) -> str:
        """The text as given, null as the empty text. Raises `ColumnError`."""
        return "" if value in (None, "") else super().read(value)


@dataclass(frozen=True)
class TextListColumn(Column):
    """A list of at least one text, such as several references or the sentences of a document.

    Attributes:
        max_texts: longest list accepted.
    """

    max_texts: int = 10_000

    def read(self, value: Any) -> list[str]:
        """The texts as given. Raises `ColumnError`."""
        if not isinstance(value, list | tuple) or not 0 < len(value) <= self.max_texts:
            raise ColumnError(f"must be a list of 1 to {self.max_texts} texts (given {shown(value)})")
        rule = TextColumn(self.name)
        return [rule.read(text) for text in value]

    def key(self, value: Any) -> bytes:
        """UTF-8 of the texts as compared, one a line."""
        return "\n".join(compared(text, self.exact) for text in value).encode("utf-8")

    def arrow_type(self) -> "pa.DataType":
        """A list of texts."""
        import pyarrow as pa

        return pa.list_(pa.string())

    def text(self, value: Any) -> str:
        """The texts one after the other."""
        return " ".join(value)


@dataclass(frozen=True)
class AnswerColumn(TextListColumn):
    """A text, or a list of texts: all are references of an evaluation, the first is trained on."""

    def read(self, value: Any) -> list[str]:
        """The texts as given, as a list. Raises `ColumnError`."""
        return super().read([value] if isinstance(value, str) else value)


def compared(text: str, exact: bool) -> str:
    """The text by which contents are compared: as it is, or normalised."""
    return text if exact else normalised(text)


def normalised(text: str) -> str:
    """The text as compared unless exactly: NFC, case folded, runs of white space as one space."""
    if text.isascii():
        return " ".join(text.lower().split())
    return unicode_form("NFC", " ".join(unicode_form("NFC", text).casefold().split()))
