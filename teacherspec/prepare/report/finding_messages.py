"""Messages about the findings of deduplication: which row, what is wrong, and which other row it matches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from teacherspec.prepare.dedup.duplicates import Matches, find_repeats
from teacherspec.prepare.dedup_and_split import Assignment
from teacherspec.prepare.ingest import Ingested
from teacherspec.tasks.shared.columns.base import Column, shown
from teacherspec.tasks.shared.columns.row_schema import RowSchema


@dataclass(frozen=True)
class Finding:
    """A group of rows to report.

    Attributes:
        title: of its section in the report.
        total: number of rows.
        lines: yields one line a row, in the order in which the rows were read; built on demand.
    """

    title: str
    total: int
    lines: Callable[[], Iterator[str]]


class FindingMessages:
    """Writes findings with places, splits, labels and texts."""

    def __init__(self, ingested: Ingested, fields: RowSchema, assignment: Assignment) -> None:
        """For the rows of one run."""
        self._ingested = ingested
        self._fields = fields
        self._assignment = assignment

    def findings(self) -> dict[str, Finding]:
        """All findings, by name."""
        titles = {
            "duplicates": ("Duplicates", self._duplicate),
            "leaks": ("Leaks", self._leak),
            "group_leaks": ("Groups in several splits", self._leak),
            "near_leaks": ("Near duplicates in another split", self._leak),
            "conflicts": ("Conflicting labels", self._conflict),
            "near_duplicates": ("Near duplicates in one split", self._near_duplicate),
            "near_disagreeing": ("Near duplicates with another label", self._near_disagreeing),
        }
        return {
            name: self._finding(title, self._assignment.matches[name], describe)
            for name, (title, describe) in titles.items()
        }

    def repeated_ids(self) -> Finding:
        """Rows with the id of an earlier row."""
        repeats = find_repeats(self._assignment.hashes.identity, self._assignment.workspace)
        return self._finding("Repeated ids", repeats, self._repeated_id)

    def _finding(self, title: str, matches: Matches, describe: Callable[[int, int], str]) -> Finding:
        order = np.argsort(matches.rows, kind="stable")

        def lines() -> Iterator[str]:
            return (describe(int(matches.rows[at]), int(matches.partners[at])) for at in order)

        return Finding(title, len(order), lines)

    def _place(self, row: int) -> str:
        return self._ingested.place(row)

    def _text(self, row: int) -> str:
        content = [rule.name for rule in self._fields.content]
        values = self._ingested.row_store.gather(np.array([row]), content).to_pylist()[0]
        return shown(content_text(self._fields.content, values))

    def _label(self, row: int) -> str:
        if (tokens := self._fields.token_labels()) is not None:
            values = self._ingested.row_store.gather(np.array([row]), [tokens.name]).to_pylist()[0]
            return tokens.text(values[tokens.name]) or "no entities"
        return shown(self._assignment.label_names[self._assignment.label[row]])

    def _split(self, row: int) -> str:
        return self._assignment.split_names[int(self._assignment.split[row])]

    def _duplicate(self, row: int, partner: int) -> str:
        return f"{self._place(row)}: the same row as {self._place(partner)}: {self._text(row)}"

    def _leak(self, row: int, partner: int) -> str:
        there = f"{self._place(partner)} ({self._split(partner)})"
        labels = self._assignment.label[row], self._assignment.label[partner]
        disagree = labels[0] != labels[1] and min(labels) >= 0
        note = f", labelled {self._label(row)} here and {self._label(partner)} there" if disagree else ""
        same = self._text(row) if self._text(row) == self._text(partner) else self._both(row, partner)
        return f"{self._place(row)}: in {self._split(row)}, but also at {there}{note}: {same}"

    def _both(self, row: int, partner: int) -> str:
        return f"{self._text(row)} and {self._text(partner)}"

    def _near_duplicate(self, row: int, partner: int) -> str:
        return f"{self._place(row)}: near duplicate of {self._place(partner)}: {self._both(row, partner)}"

    def _near_disagreeing(self, row: int, partner: int) -> str:
        there = f"{self._place(partner)} has {self._label(partner)}"
        both = self._both(row, partner)
        return f"{self._place(row)}: labelled {self._label(row)}, but {there} for a near duplicate: {both}"

    def _conflict(self, row: int, partner: int) -> str:
        there = f"{self._place(partner)} has {self._label(partner)}"
        text, other = self._text(row), self._text(partner)
        same = f"the same: {text}"
        if text != other:
            same = f"the same but for case or white space: {text} and {other} (see `prepare.compare`)"
        return f"{self._place(row)}: labelled {self._label(row)}, but {there} for {same}"

    def _repeated_id(self, row: int, partner: int) -> str:
        name = self._ingested.row_store.gather(np.array([row]), ["id"]).to_pylist()[0]["id"]
        return (
            f"{self._place(row)}: id: {shown(name)} was already given at {self._place(partner)}; correct it, "
            "or declare `ids: ignore` for sources whose ids are not unique"
        )


def content_text(rules: Sequence[Column], values: Mapping[str, Any]) -> str:
    """These columns of a row as readable text."""
    return " | ".join(rule.text(values[rule.name]) for rule in rules)
