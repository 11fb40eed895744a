"""What a row of a task must hold: declared by the task, enforced by `prepare`.

A task answers `row_schema()` with rules from this module. `prepare` reads, keys, stores and measures
every row through the rules alone, so a new kind of task declares other rules and changes no stage.
"""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    from PIL.Image import Image

SHOWN_CHARACTERS = 60
"""Longest piece of a value that a message repeats, in characters."""

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class ColumnError(ValueError):
    """A value breaks the rule of its field; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class Column(ABC):
    """The rule of one column.

    Attributes:
        name: the column's name in the task, in prepared files and in `columns` of a source.
    """

    name: str

    near: ClassVar[bool] = False
    """Whether values of this column that differ little count as nearly the same content."""

    is_text: ClassVar[bool] = True
    """Whether `text` is the content itself, in words, or only describes it."""

    unit: ClassVar[str] = "characters"
    """What `size` counts."""

    pictured: ClassVar[bool] = False
    """Whether `picture` shows the value."""

    signature_bytes: ClassVar[int] = 0
    """Length of `signature`; 0 where near values are found by their texts."""

    @property
    def column(self) -> str:
        """Column of the file it is read from, unless `columns` of the source says another."""
        return self.name

    @abstractmethod
    def read(self, value: Any) -> Any:
        """The value to store, or a refusal.

        Raises:
            ColumnError: the value is not what the task needs.
        """

    @abstractmethod
    def key(self, value: Any) -> bytes:
        """What two equal contents share: decides duplicates, leaks and the split of a row."""

    @abstractmethod
    def storage(self) -> "pa.DataType":
        """The Arrow type of the stored column."""

    @abstractmethod
    def text(self, value: Any) -> str:
        """The value as a person reads it: searched for near-duplicates where it is a text, and shown."""

    def to_json(self, value: Any) -> Any:
        """A stored value as JSON can hold it."""
        return value

    def from_json(self, value: Any) -> Any:
        """What `to_json` was given, or a value as a person writes it into JSON.

        Raises:
            ColumnError: it names what is not there.
        """
        return value

    def asked(self, value: Any) -> Any:
        """The value to store of a row that is asked and not learned, as a person writes it into JSON.

        Raises:
            ColumnError: the value is not what the task needs.
        """
        return self.read(self.from_json(value))

    def size(self, value: Any) -> int:
        """How much the value holds, in `unit`."""
        return len(self.text(value))

    def changes(self, value: Any) -> tuple[str, ...]:
        """What `read` changed of a value that it accepts, in words that many rows share."""
        return ()

    def signature(self, value: Any) -> bytes:
        """`signature_bytes` bytes of which nearly equal values share most bits; zeros where nothing is said.

        Raises:
            NotImplementedError: values of this column are compared by their texts.
        """
        raise NotImplementedError

    def sketch(self, value: Any) -> "npt.NDArray[np.float32]":
        """The value as a small grey picture `[side, side]`, 0 to 255, for columns that have a signature.

        Raises:
            NotImplementedError: values of this column are compared by their texts.
        """
        raise NotImplementedError

    def measures(self, value: Any) -> Mapping[str, int | str]:
        """Further numbers and kinds that describe the stored value, for statistics."""
        return {}

    def picture(self, value: Any, side: int) -> "Image":
        """The value as a picture that fits a square of `side` pixels.

        Raises:
            NotImplementedError: values of this column are not for the eye.
        """
        raise NotImplementedError

    def pictures(self, value: Any, side: int) -> "Sequence[Image]":
        """All that there is to see of the value, each as a picture that fits a square of `side` pixels."""
        return [self.picture(value, side)]


@dataclass(frozen=True)
class TextColumn(Column):
    """A text that says something: not blank, no control characters, no half surrogates.

    Attributes:
        max_characters: longest text accepted; a longer one is a broken file far more often than a text.
    """

    max_characters: int = 1_000_000

    near: ClassVar[bool] = True

    def read(self, value: Any) -> str:
        """The text as given. Raises `ColumnError`."""
        if not isinstance(value, str):
            raise ColumnError(f"must be a text (given {shown(value)})")
        if is_blank(value):
            raise ColumnError(f"is blank (given {shown(value)}); give a text or take the row out")
        if unwritable := _UNWRITABLE.search(value):
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
        """UTF-8 of the normalised text."""
        return normalised(value).encode("utf-8")

    def storage(self) -> "pa.DataType":
        """Text."""
        import pyarrow as pa

        return pa.string()

    def text(self, value: Any) -> str:
        """The text itself."""
        return str(value)


@dataclass(frozen=True)
class TextListColumn(Column):
    """A list of texts, such as several references or the sentences of a document; at least one.

    Attributes:
        max_texts: longest list accepted.
    """

    max_texts: int = 10_000

    near: ClassVar[bool] = True

    def read(self, value: Any) -> list[str]:
        """The texts as given. Raises `ColumnError`."""
        if not isinstance(value, list | tuple) or not 0 < len(value) <= self.max_texts:
            raise ColumnError(f"must be a list of 1 to {self.max_texts} texts (given {shown(value)})")
        rule = TextColumn(self.name)
        return [rule.read(text) for text in value]

    def key(self, value: Any) -> bytes:
        """UTF-8 of the normalised texts, one a line."""
        return "\n".join(map(normalised, value)).encode("utf-8")

    def storage(self) -> "pa.DataType":
        """A list of texts."""
        import pyarrow as pa

        return pa.list_(pa.string())

    def text(self, value: Any) -> str:
        """The texts one after the other."""
        return " ".join(value)


@dataclass(frozen=True)
class LabelColumn(Column):
    """One of the label names: a text, or a whole number where every label is one.

    Labels are compared as given (`01` is not `1`). Stored as the int32 index into the label names.

    Attributes:
        label_names: the declared names, or None when the data decide.
    """

    label_names: Sequence[str] | None = None

    def read(self, value: Any) -> str | int:
        """The label as given; its kind (text or number) is kept, so that a mix can be refused.

        Raises:
            ColumnError: not a label, or not one of the declared names.
        """
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ColumnError(f"must be a text or a whole number (given {shown(value)})")
        name = str(value)
        if is_blank(name):
            raise ColumnError(f"is blank (given {shown(value)}); give the row a label or take it out")
        if name != name.strip() or _UNWRITABLE.search(name):
            raise ColumnError(f"has spaces around it or control characters in it (given {shown(value)})")
        if self.label_names is not None and name not in self.label_names:
            raise ColumnError(
                f"is not a declared label (given {shown(value)}; {nearest(name, self.label_names)})"
            )
        return value

    def key(self, value: Any) -> bytes:
        """UTF-8 of the label."""
        return str(value).encode("utf-8")

    def storage(self) -> "pa.DataType":
        """Index into the label names."""
        import pyarrow as pa

        return pa.int32()

    def text(self, value: Any) -> str:
        """The label's name."""
        return str(value)


@dataclass(frozen=True)
class RowSchema:
    """The columns of a task's row.

    Attributes:
        content: what the model is given. Equal content means the same example: it is kept in one split
            only, and its hash decides which.
        label: the class of the row, or None for tasks without classes. Rows of role `ood` have none.
        answers: what the model learns to give besides a class (a completion, references). Rows with
            equal content may have several.
    """

    content: tuple[Column, ...]
    label: LabelColumn | None = None
    answers: tuple[Column, ...] = ()

    def without_label(self) -> "RowSchema":
        """The same row where no class is known."""
        return RowSchema(self.content, None, self.answers)

    def texts(self) -> tuple[Column, ...]:
        """The rules of the content that are texts: what words are counted in."""
        return tuple(rule for rule in self.content if rule.is_text)

    def unit(self) -> str:
        """What the size of a row counts."""
        units = {rule.unit for rule in self.content}
        return units.pop() if len(units) == 1 else "characters and bytes"

    def columns(self) -> tuple[Column, ...]:
        """All rules in the order of the stored columns."""
        return (*self.content, *self.answers, *((self.label,) if self.label else ()))


def normalised(text: str) -> str:
    """The text as compared, never as stored: NFC, case folded, runs of white space as one space."""
    if text.isascii():
        return " ".join(text.lower().split())
    return unicodedata.normalize("NFC", " ".join(unicodedata.normalize("NFC", text).casefold().split()))


def is_blank(text: str) -> bool:
    """Whether nothing of the text can be seen: only white space and invisible format characters."""
    if text.isascii():
        return not text.strip()
    return all(c.isspace() or unicodedata.category(c) == "Cf" for c in text)


def shown(value: object) -> str:
    """A value for a message: on one line, quoted as in Python, cut when long."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def nearest(given: str, allowed: Sequence[str]) -> str:
    """Which of the allowed names may have been meant; all of them when they are few."""
    close = get_close_matches(given, allowed, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]!r}? " if close else ""
    if len(allowed) <= 10:
        return f"{hint}allowed: {', '.join(allowed)}"
    return f"{hint}{len(allowed)} names are declared in task.label_names"
