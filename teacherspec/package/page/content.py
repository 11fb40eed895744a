"""What the page of a teacher shows, as data: sections of sentences, tables and charts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from teacherspec.package.page.charts import Chart
from teacherspec.package.quality_gates import Measurement


@dataclass(frozen=True)
class Strip:
    """An interval as a line with a mark at its value, on an axis whose ends are 0 and 1.

    Attributes:
        low: lower end.
        value: where the mark is.
        high: upper end.
        reference: what to compare with.
    """

    low: float
    value: float
    high: float
    reference: float


@dataclass(frozen=True)
class Cell:
    """A cell of a table, or a number of the headline.

    Attributes:
        text: what a person reads; text of the data is not escaped yet.
        small: smaller text after it, such as an interval.
        value: what the column is sorted by; None sorts by the text.
        metric: dotted name of the reported number that `value` is; empty for others.
        markdown: whether `text` is a sentence of this project, with its code spans and bold words.
        strip: a picture of the interval.
        image: `src` of a picture that stands for the text.
        verbatim: whether line ends of the text are kept.
        state: `good` or `bad` where it is a verdict.
    """

    text: str
    small: str = ""
    value: float | None = None
    metric: str = ""
    markdown: bool = False
    strip: Strip | None = None
    image: str = ""
    verbatim: bool = False
    state: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its title, and whether it holds numbers."""

    title: str
    numeric: bool = False


@dataclass(frozen=True)
class Row:
    """Cells in the order of the columns; `weak` where a test calls the row weaker than the rest."""

    cells: Sequence[Cell]
    weak: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: its title.
        columns: of each row.
        rows: in the order in which they are shown first.
        note: what a reader must know to read it, as Markdown.
        filterable: whether a reader may want to find rows in it by their text.
        folded: whether it is opened on demand.
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    note: str = ""
    filterable: bool = False
    folded: bool = False


@dataclass(frozen=True)
class Control:
    """The reliability diagram whose temperature a reader moves.

    Attributes:
        before: bins `(confidence, accuracy, rows)` of the model's own probabilities.
        after: the same as calibrated.
        method: how it was calibrated, in words.
        stops: what `calibrate` measured at each temperature.
        start: place in `stops` of the packaged temperature; where the method is no temperature, that of 1.
        fitted: whether `start` is what the teacher is packaged with.
        summary: the picture in a sentence.
    """

    before: Sequence[tuple[float, float, int]]
    after: Sequence[tuple[float, float, int]]
    method: str
    stops: Sequence[Mapping[str, Any]]
    start: int
    fitted: bool
    summary: str

    @property
    def most(self) -> int:
        """Rows of the fullest bin at any temperature, which has the largest mark."""
        return max(int(count) for stop in self.stops for _, _, count in stop["bins"])


@dataclass(frozen=True)
class Item:
    """A sentence of a list, with the kind of finding it is."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        name: its anchor.
        title: its heading.
        text: sentences, as Markdown.
        items: a list.
        ordered: whether the order of the list means something.
        control: a reliability diagram.
        charts: pictures.
        tables: in their order.
    """

    name: str
    title: str
    text: Sequence[str] = ()
    items: Sequence[Item] = ()
    ordered: bool = False
    control: Control | None = None
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = field(default=())

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.text or self.items or self.control or self.charts or self.tables)


@dataclass(frozen=True)
class Headline:
    """One of the few numbers at the top: what it is, the number, and what a reader must know to read it."""

    title: str
    number: Cell
    note: str


def texts(*titles: str) -> tuple[Column, ...]:
    """Columns of texts."""
    return tuple(Column(title) for title in titles)


def numbers(*titles: str) -> tuple[Column, ...]:
    """Columns of numbers."""
    return tuple(Column(title, True) for title in titles)


def plain(text: object) -> Cell:
    """A cell with text of the data, or a whole number."""
    value = float(text) if isinstance(text, int) else None
    return Cell(str(text), value=value)


def code(text: str) -> Cell:
    """A cell with a name of this project."""
    return Cell(f"`{text}`", markdown=True)


MISSING = Cell("–")
"""A number that does not exist."""


def number(found: Measurement | None, digits: int = 3, metric: str = "") -> Cell:
    """A cell with a number and its interval."""
    if found is None:
        return MISSING
    ends = (
        ""
        if found.low is None or found.high is None
        else f"{found.low:.{digits}f} to {found.high:.{digits}f}"
    )
    return Cell(signed_zero(f"{found.value:.{digits}f}"), minus(ends), found.value, metric)


def signed_zero(text: str) -> str:
    """`0.000` for `-0.000`; other numbers with a minus sign."""
    return minus(text.lstrip("-") if not text.strip("-0.") else text)


def minus(text: str) -> str:
    """Text in which the hyphen before a digit is a minus sign."""
    return re.sub(r"-(?=\d)", "−", text)


def share_strip(cell: Cell, found: Measurement, reference: float) -> Cell:
    """The same cell with the interval of a share as a picture, from 0 to 1."""
    if found.low is None or found.high is None:
        return cell
    return replace(cell, strip=Strip(found.low, found.value, found.high, reference))


def signed_strip(cell: Cell, found: Measurement, largest: float) -> Cell:
    """The same cell with the interval of a difference as a picture, from `-largest` to `largest`."""
    if found.low is None or found.high is None or largest <= 0:
        return cell

    def place(end: float) -> float:
        return min(1.0, max(0.0, 0.5 + end / (2 * largest)))

    return replace(cell, strip=Strip(place(found.low), place(found.value), place(found.high), 0.5))
