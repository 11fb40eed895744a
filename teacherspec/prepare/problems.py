"""Every problem of the data counted, the first ones shown."""

from collections.abc import Iterator
from itertools import islice

from teacherspec.errors import DataError

SHOWN_PROBLEMS = 20


class Problems:
    """Collects problem lines; refuses once, with the first `SHOWN_PROBLEMS` and the total.

    Attributes:
        total: number of problems.
        shown: the first of them.
    """

    def __init__(self) -> None:
        """Begin without problems."""
        self.total = 0
        self.shown: list[str] = []

    def add(self, line: str) -> None:
        """Count one problem: `file:line: field: what is wrong; what to do`."""
        self.total += 1
        if len(self.shown) < SHOWN_PROBLEMS:
            self.shown.append(line)

    def add_all(self, lines: Iterator[str], total: int) -> None:
        """Count `total` problems; of their lines only those that will be shown are taken."""
        room = max(0, SHOWN_PROBLEMS - len(self.shown))
        self.shown += islice(lines, room)
        self.total += total

    def add_error(self, error: DataError) -> None:
        """Count every problem of an error that stopped the reading of one file."""
        for line in error.problems:
            self.add(line)

    def refuse_any(self) -> None:
        """Raise when there was a problem.

        Raises:
            DataError: the first problems, one a line, and how many more there are.
        """
        if self.total > len(self.shown):
            raise DataError([*self.shown, f"… and {self.total - len(self.shown)} more problems"])
        if self.total:
            raise DataError(self.shown)
