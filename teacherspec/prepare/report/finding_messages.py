"""What was found among the rows in words: where, what, and which other row makes it so."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from teacherspec.prepare.dedup.duplicates import Found, find_repeats
from teacherspec.prepare.dedup_and_split import Judged
from teacherspec.prepare.ingest import Ingested
from teacherspec.tasks.columns.base import Column, shown
from teacherspec.tasks.columns.row_schema import RowSchema


@dataclass(frozen=True)
class Finding:
    """Rows that something is to be said about.

    Attributes:
        title: of a section of the report.
        total: number of rows.
        lines: yields one line a row, in the order in which the rows were read; built only when asked.
    """

    title: str
    total: int
    lines: Callable[[], Iterator[str]]


class Narrator:
    """Tells findings with places, splits, labels and texts."""

    def __init__(self, ingested: Ingested, fields: RowSchema, judged: Judged) -> None:
        """For the rows of one run."""
        self._ingested = ingested
        self._fields = fields
        self._judged = judged

    def findings(self) -> dict[str, Finding]:
        """Everything that was found, by name."""
        words = {
            "duplicates": ("Duplicates", self._duplicate),
            "leaks": ("Leaks", self._leak),
            "group_leaks": ("Groups in several splits", self._leak),
            "near_leaks": ("Nearly the same in another split", self._leak),
            "conflicts": ("Conflicting labels", self._conflict),
            "near_duplicates": ("Nearly the same in one split", self._near_duplicate),
            "near_disagreeing": ("Nearly the same under another label", self._near_disagreeing),
        }
        return {
            name: self._finding(title, self._judged.found[name], tell)
            for name, (title, tell) in words.items()
        }

    def repeated_ids(self) -> Finding:
        """Rows with the id of an earlier row."""
        repeats = find_repeats(self._judged.hashes.identity, self._judged.scratch)
        return self._finding("Repeated ids", repeats, self._repeated_id)

    def _finding(self, title: str, found: Found, tell: Callable[[int, int], str]) -> Finding:
        order = np.argsort(found.rows, kind="stable")

        def lines() -> Iterator[str]:
            return (tell(int(found.rows[at]), int(found.because[at])) for at in order)

        return Finding(title, len(order), lines)

    def _place(self, row: int) -> str:
        return self._ingested.place(row)

    def _text(self, row: int) -> str:
        content = [rule.name for rule in self._fields.content]
        values = self._ingested.spool.gather(np.array([row]), content).to_pylist()[0]
        return shown(content_text(self._fields.content, values))

    def _label(self, row: int) -> str:
        return shown(self._judged.label_names[self._judged.label[row]])

    def _split(self, row: int) -> str:
        return self._judged.split_names[int(self._judged.split[row])]

    def _duplicate(self, row: int, because: int) -> str:
        return f"{self._place(row)}: the same row as {self._place(because)}: {self._text(row)}"

    def _leak(self, row: int, because: int) -> str:
        there = f"{self._place(because)} ({self._split(because)})"
        labels = self._judged.label[row], self._judged.label[because]
        torn = labels[0] != labels[1] and min(labels) >= 0
        note = f", labelled {self._label(row)} here and {self._label(because)} there" if torn else ""
        same = self._text(row) if self._text(row) == self._text(because) else self._both(row, because)
        return f"{self._place(row)}: in {self._split(row)}, but also at {there}{note}: {same}"

    def _both(self, row: int, because: int) -> str:
        return f"{self._text(row)} and {self._text(because)}"

    def _near_duplicate(self, row: int, because: int) -> str:
        return f"{self._place(row)}: nearly the same as {self._place(because)}: {self._both(row, because)}"

    def _near_disagreeing(self, row: int, because: int) -> str:
        there = f"{self._place(because)} has {self._label(because)}"
        both = self._both(row, because)
        return f"{self._place(row)}: labelled {self._label(row)}, but {there} for nearly the same: {both}"

    def _conflict(self, row: int, because: int) -> str:
        there = f"{self._place(because)} has {self._label(because)}"
        return f"{self._place(row)}: labelled {self._label(row)}, but {there} for the same: {self._text(row)}"

    def _repeated_id(self, row: int, because: int) -> str:
        name = self._ingested.spool.gather(np.array([row]), ["id"]).to_pylist()[0]["id"]
        return f"{self._place(row)}: id: {shown(name)} was already given at {self._place(because)}"


def content_text(rules: Sequence[Column], values: Mapping[str, Any]) -> str:
    """These columns of a row as a person reads them."""
    return " | ".join(rule.text(values[rule.name]) for rule in rules)
