"""Broken rows, told and set aside in a file of their own."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from teacherspec.prepare.problem_log import Problems

FILE_NAME = "quarantine.jsonl"


class Quarantine:
    """Broken rows as JSON lines: `where`, `wrong` (all of it), `given`.

    Attributes:
        path: the file.
        told: what is wrong with them, in words.
        rows: how many there are.
    """

    def __init__(self, path: Path, told: Problems) -> None:
        """Write to `path`, tell in `told`."""
        self.path = path
        self.told = told
        self.rows = 0
        self._file = path.open("w", encoding="ascii", newline="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def reject(self, place: str, wrong: Sequence[str], given: Any) -> None:
        """Set the row at `place` aside, with all that is wrong with it and what was given."""
        self.rows += 1
        for problem in wrong:
            self.told.add(place, problem)
        self._file.write(json.dumps({"where": place, "wrong": wrong, "given": given}, default=repr) + "\n")
