"""Duplicates, leaks, conflicts and repeated ids in words: where, what, and what it equals."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from teacherspec.prepare.ingest import Ingested
from teacherspec.prepare.judge import Judged
from teacherspec.prepare.overlap import Removed
from teacherspec.tasks.fields import RowFields, shown


@dataclass(frozen=True)
class Finding:
    """Rows that something is wrong with.

    Attributes:
        title: of a section of the report.
        total: number of rows.
        lines: yields one line a row, in the order in which the rows were read; built only when asked.
        cure: what a person can do who is refused because of it.
    """

    title: str
    total: int
    lines: Callable[[], Iterator[str]]
    cure: str = ""


class Findings:
    """What overlap found, told with places and texts."""

    def __init__(self, ingested: Ingested, fields: RowFields, judged: Judged) -> None:
        """Collect all findings; their words are built when asked for."""
        self._ingested = ingested
        self._fields = fields
        self._judged = judged
        overlap = judged.overlap
        self.duplicates = self._finding("Duplicates", overlap.duplicates, self._duplicate, "duplicates: drop")
        self.leaks = self._finding("Leaks", overlap.leaks, self._leak, "leaks: drop")
        self.conflicts = self._finding("Conflicts", overlap.conflicts, self._conflict, "conflicts: drop")
        self.repeated_ids = self._finding("Repeated ids", self._find_repeated_ids(), self._repeated_id, "")

    def _finding(self, title: str, found: Removed, tell: Callable[[int, int], str], policy: str) -> Finding:
        order = np.argsort(found.rows, kind="stable")
        pairs = list(zip(found.rows[order].tolist(), found.because[order].tolist(), strict=True))
        cure = f"; or declare `prepare.{policy}`" if policy else ""
        return Finding(title, len(pairs), lambda: (tell(row, because) for row, because in pairs), cure)

    def _find_repeated_ids(self) -> Removed:
        given = self._ingested.spool.numbers("given_id")
        order = np.argsort(given, kind="stable")
        again = np.flatnonzero((given[order][1:] == given[order][:-1]) & (given[order][1:] != 0)) + 1
        return Removed(order[again], order[again - 1])

    def _place(self, row: int) -> str:
        return self._ingested.place(row)

    def _text(self, row: int) -> str:
        content = [rule.name for rule in self._fields.content]
        values = self._ingested.spool.gather(np.array([row]), content).to_pylist()[0]
        return shown(content_text(self._fields, values))

    def _label(self, row: int) -> str:
        return shown(self._judged.label_names[self._judged.label[row]])

    def _split(self, row: int) -> str:
        return str(self._judged.split_names[self._judged.split[row]])

    def _duplicate(self, row: int, because: int) -> str:
        return f"{self._place(row)}: the same row as {self._place(because)}: {self._text(row)}"

    def _leak(self, row: int, because: int) -> str:
        other = f"{self._place(because)} ({self._split(because)})"
        labels = (self._judged.label[row], self._judged.label[because])
        torn = labels[0] != labels[1] and min(labels) >= 0
        note = f", labelled {self._label(row)} here and {self._label(because)} there" if torn else ""
        return f"{self._place(row)}: in {self._split(row)}, but also at {other}{note}: {self._text(row)}"

    def _conflict(self, row: int, because: int) -> str:
        other = f"{self._place(because)} has {self._label(because)}"
        return f"{self._place(row)}: labelled {self._label(row)}, but {other} for the same: {self._text(row)}"

    def _repeated_id(self, row: int, because: int) -> str:
        name = self._ingested.spool.gather(np.array([row]), ["id"]).to_pylist()[0]["id"]
        return f"{self._place(row)}: id: {shown(name)} was already given at {self._place(because)}"


def content_text(fields: RowFields, values: Mapping[str, Any]) -> str:
    """The content of a row as a person reads it."""
    return " | ".join(rule.text(values[rule.name]) for rule in fields.content)
