"""Texts that look private: e-mail addresses, telephone numbers, keys and tokens. Told, never shown."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from teacherspec.prepare.dedup_and_split import Judged
from teacherspec.prepare.ingest import Ingested
from teacherspec.prepare.report.finding_messages import Finding, content_text
from teacherspec.tasks.columns.row_schema import RowSchema

MOST_ROWS = 20_000
"""Rows of a split that are searched, a random sample where there are more: a row takes about 0.1 ms."""

_BATCH_ROWS = 1024
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_NUMBER = re.compile(r"\+\d[\d\s()./-]{5,20}\d")
_GUESSES = ("KeywordDetector", "Base64HighEntropyString", "HexHighEntropyString")
"""Detectors of program code: in plain language they find passwords and tokens everywhere."""

Detector = Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Private:
    """Rows that look private.

    Attributes:
        searched: number of rows looked at.
        rows: row of the spool → kinds of what was found in it, sorted.
    """

    searched: int
    rows: dict[int, tuple[str, ...]]

    def counts(self) -> dict[str, int]:
        """Kind → number of rows."""
        kinds = sorted({kind for found in self.rows.values() for kind in found})
        return {kind: sum(kind in found for found in self.rows.values()) for kind in kinds}

    def finding(self, ingested: Ingested) -> Finding:
        """The rows in words: where and what, without the text."""

        def lines() -> Iterator[str]:
            return (f"{ingested.place(row)}: {', '.join(self.rows[row])}" for row in sorted(self.rows))

        return Finding("Looks private", len(self.rows), lines)


def search_private(ingested: Ingested, fields: RowSchema, judged: Judged) -> Private:
    """Search the texts of every split. A finding is a hint: numbers can be made up, names are not found."""
    columns = [rule.name for rule in (*fields.texts(), *fields.answers)]
    if not columns:
        return Private(0, {})
    detect = detector()
    found: dict[int, tuple[str, ...]] = {}
    searched = 0
    for number, _ in judged.stored():
        rows = judged.first_rows(number, MOST_ROWS)
        searched += len(rows)
        for start in range(0, len(rows), _BATCH_ROWS):
            part: npt.NDArray[np.int64] = rows[start : start + _BATCH_ROWS]
            for row, values in zip(
                part.tolist(), ingested.spool.gather(part, columns).to_pylist(), strict=True
            ):
                answers = (rule.text(values[rule.name]) for rule in fields.answers)
                if kinds := detect(" ".join([content_text(fields.texts(), values), *answers])):
                    found[row] = tuple(sorted(set(kinds)))
    return Private(searched, found)


def detector() -> Detector:
    """A function from a text to the kinds of private things in it: by detect-secrets and phonenumbers."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    classes: list[tuple[str, Any]] = sorted(get_mapping_from_secret_type_to_class().items())
    plugins = [one() for _, one in classes if one.__name__ not in _GUESSES]

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
