"""Search for personal data in texts: e-mail addresses, telephone numbers, keys and tokens.

Findings name the row and the kind of data; the data itself is not shown.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup_and_split import Assignment
from teacherspec.prepare.ingest import Ingested
from teacherspec.prepare.report.finding_messages import Finding, content_text
from teacherspec.tasks.shared.columns.row_schema import RowSchema

MOST_ROWS = 20_000
MOST_CHARACTERS = 20_000_000
"""Rows of a split that are searched, and their characters: a random sample of larger splits. A row of 100
characters takes about 0.1 ms."""

WINDOW = 2048
_OVERLAP = 512
"""Long texts are searched in overlapping windows: some patterns of detect-secrets take time that grows with
the square of the text, minutes for a text of 200,000 characters. Longer keys are found by their beginning."""

_BATCH_ROWS = 1024
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(\.[\w-]{1,63}){1,8}")
_NUMBER = re.compile(r"\+\d[\d\s()./-]{5,20}\d")
_IMPRECISE = ("KeywordDetector", "Base64HighEntropyString", "HexHighEntropyString")
"""Detectors made for program code: in natural language they have too many false positives."""

Detector = Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class PiiMatches:
    """Rows that seem to contain personal data.

    Attributes:
        searched: number of rows searched.
        rows: row of the row store → kinds of personal data in it, sorted.
    """

    searched: int
    rows: dict[int, tuple[str, ...]]

    def counts(self) -> dict[str, int]:
        """Kind → number of rows."""
        kinds = sorted({kind for found in self.rows.values() for kind in found})
        return {kind: sum(kind in found for found in self.rows.values()) for kind in kinds}

    def finding(self, ingested: Ingested) -> Finding:
        """One line a row: its place and the kinds of data, without the text."""

        def lines() -> Iterator[str]:
            return (f"{ingested.place(row)}: {', '.join(self.rows[row])}" for row in sorted(self.rows))

        return Finding("Personal data", len(self.rows), lines)


def search_pii(ingested: Ingested, fields: RowSchema, assignment: Assignment) -> PiiMatches:
    """Search the texts of every split. Findings are hints: numbers may be invented; names are not found."""
    columns = [rule.name for rule in (*fields.texts(), *fields.answers)]
    if not columns:
        return PiiMatches(0, {})
    detect = detector()
    found: dict[int, tuple[str, ...]] = {}
    searched = 0
    for number, _ in assignment.stored():
        rows = _within_budget(assignment.first_rows(number, MOST_ROWS), ingested)
        searched += len(rows)
        for start in range(0, len(rows), _BATCH_ROWS):
            part: npt.NDArray[np.int64] = rows[start : start + _BATCH_ROWS]
            for row, values in zip(
                part.tolist(), ingested.row_store.gather(part, columns).to_pylist(), strict=True
            ):
                answers = (rule.text(values[rule.name]) for rule in fields.answers)
                text = " ".join([content_text(fields.texts(), values), *answers])
                if kinds := {kind for part in windows(text) for kind in detect(part)}:
                    found[row] = tuple(sorted(kinds))
    return PiiMatches(searched, found)


def _within_budget(rows: npt.NDArray[np.int64], ingested: Ingested) -> npt.NDArray[np.int64]:
    """The first rows, at least one, whose contents have at most `MOST_CHARACTERS` together."""
    total = np.cumsum(ingested.row_store.numbers("size")[rows], dtype=np.int64)
    return rows[: max(1, int(np.searchsorted(total, MOST_CHARACTERS, side="right")))]


def windows(text: str) -> Iterator[str]:
    """The text in parts of at most `WINDOW` characters, each beginning within the previous one."""
    yield text[:WINDOW]
    for start in range(WINDOW - _OVERLAP, len(text) - _OVERLAP, WINDOW - _OVERLAP):
        yield text[start : start + WINDOW]


def detector() -> Detector:
    """A function from a text to the kinds of personal data in it, by detect-secrets and phonenumbers."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    classes: list[tuple[str, Any]] = sorted(get_mapping_from_secret_type_to_class().items())
    plugins = [one() for _, one in classes if one.__name__ not in _IMPRECISE]

    def detect(text: str) -> list[str]:
        kinds = [plugin.secret_type for plugin in plugins if any(True for _ in plugin.analyze_string(text))]
        if "@" in text and _EMAIL.search(text):
            kinds.append("e-mail address")
        if "+" in text and any(_is_telephone(number) for number in _NUMBER.findall(text)):
            kinds.append("telephone number")
        return kinds

    return detect


def _is_telephone(number: str) -> bool:
    from phonenumbers import NumberParseException, is_valid_number, parse

    try:
        return is_valid_number(parse(number, None))
    except NumberParseException:
        return False
