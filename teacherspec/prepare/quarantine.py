"""Invalid rows, reported and written to a file of their own."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from teacherspec.prepare.problem_log import Problems

FILE_NAME = "quarantine.jsonl"


class Quarantine:
    """Invalid rows as JSON lines: `where`, `wrong` (all problems), `given`.

    Attributes:
        path: the file.
        problems: what is wrong with them.
        rows: number of rows.
    """

    def __init__(self, path: Path, problems: Problems) -> None:
        """Write rows to `path` and collect problems in `problems`."""
        self.path = path
        self.problems = problems
        self.rows = 0
        self._file = path.open("w", encoding="ascii", newline="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def reject(self, place: str, wrong: Sequence[str], given: Any) -> None:
        """Write the row at `place`, all that is wrong with it, and what was given."""
        self.rows += 1
        for problem in wrong:
            self.problems.add(place, problem)
        self._file.write(json.dumps({"where": place, "wrong": wrong, "given": given}, default=repr) + "\n")
