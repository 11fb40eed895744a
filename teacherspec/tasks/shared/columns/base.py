"""The interfaces of a column: what reading, storing, comparing and showing the values of a row need.

A kind of task declares its columns in `row_schema()`. The stages read, compare, store and show every row
through them, so that a new kind of task declares other columns and changes no stage.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    from PIL.Image import Image

SHOWN_CHARACTERS = 60
"""Longest piece of a value that a message repeats, in characters."""


class ColumnError(ValueError):
    """A value is not valid for its column; the text says what is wrong and what to do."""


class ValueReader(ABC):
    """What reading a row needs of a column: validation, and conversion to the value that is stored."""

    name: str

    optional: ClassVar[bool] = False
    """Whether a row without the column is read as one with null in it."""

    @property
    def source_column(self) -> str:
        """Column of the file that it is read from, unless `columns` of the source names another."""
        return self.name

    @abstractmethod
    def read(self, value: Any) -> Any:
        """The value to store.

        Raises:
            ColumnError: the value is not valid.
        """

    def changes(self, value: Any) -> tuple[str, ...]:
        """What `read` changes of a value that it accepts, in words that many rows share."""
        return ()


class StoredValue(ABC):
    """What storing a value needs of a column: its type in Arrow and its representation in JSON."""

    @abstractmethod
    def arrow_type(self) -> "pa.DataType":
        """The type of the stored column."""

    def to_json(self, value: Any) -> Any:
        """A stored value as JSON can hold it."""
        return value

    def from_json(self, value: Any) -> Any:
        """The inverse of `to_json`; never opens a file, because rows of packages are untrusted.

        Raises:
            ColumnError: `to_json` writes nothing like it.
        """
        return value


class ComparedValue(ABC):
    """What finding duplicates and measuring rows need of a column."""

    unit: ClassVar[str] = "characters"
    """What `size` counts."""

    @abstractmethod
    def key(self, value: Any) -> bytes:
        """Bytes that two values share when they are equal: decides duplicates, leaks and the split."""

    @abstractmethod
    def text(self, value: Any) -> str:
        """The value as a person reads it; texts are compared by it for near-duplicates."""

    def size(self, value: Any) -> int:
        """Size of the value, in `unit`."""
        return len(self.text(value))


@dataclass(frozen=True)
class Column(ValueReader, StoredValue, ComparedValue):
    """One column of a task's row.

    Attributes:
        name: its name in the task, in prepared files and in `columns` of a source.
        exact: whether its texts are compared as they are, without normalisation.
    """

    name: str
    exact: bool = field(default=False, kw_only=True)

    def opened(self, value: Any) -> Any:
        """What the user of a teacher gives, as `read` takes it: the file at a path, where values are files.

        Raises:
            ColumnError: a file that it names cannot be read, or its encoding is broken.
        """
        return value

    def from_request(self, value: Any) -> Any:
        """The value to store of a row sent for inference, as a person writes it into JSON.

        Raises:
            ColumnError: the value is not valid.
        """
        return self.read(self.opened(value))


class LabelDetail(Column):
    """A column that says more of a row's label than its class: how much the row counts, for example."""

    @abstractmethod
    def measures(self, parts: "Iterable[pa.ChunkedArray]") -> dict[str, float]:
        """Numbers that describe the column in one split, of whose rows `parts` holds the stored values."""

    def problem(self, measures: Mapping[str, float]) -> str | None:
        """What is wrong with the column in a split as a whole, and what to do; None where nothing is."""
        return None


class VisualColumn(Column):
    """A column that holds images: compared by perceptual hash, described by size, shown as thumbnails."""

    hash_bytes: ClassVar[int]
    """Length of `perceptual_hash`."""

    @abstractmethod
    def perceptual_hash(self, value: Any) -> bytes:
        """`hash_bytes` bytes of which nearly equal values share most bits; zeros for blank images."""

    @abstractmethod
    def grey_thumbnail(self, value: Any) -> "npt.NDArray[np.float32]":
        """The value as a small grey image `[side, side]`, 0 to 255."""

    @abstractmethod
    def properties(self, value: Any) -> Mapping[str, int | str]:
        """Numbers and categories that describe the stored value, for statistics."""

    @abstractmethod
    def thumbnails(self, value: Any, side: int) -> "Iterator[Image]":
        """Each image of the value, resized to fit a square of `side` pixels."""


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
