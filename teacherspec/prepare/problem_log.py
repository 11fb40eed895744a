"""Counts all problems of the data and keeps the first ones for the error message."""

from collections.abc import Iterator
from itertools import islice

from teacherspec.errors import DataError

SHOWN_PROBLEMS = 20


class Problems:
    """Collects problems, to raise one error with the first `SHOWN_PROBLEMS` and the total.

    Attributes:
        total: number of problems.
    """

    def __init__(self) -> None:
        """Start without problems."""
        self.total = 0
        self._first: dict[str, str] = {}
        self._times: dict[str, int] = {}

    def add(self, place: str, what: str) -> None:
        """Count one problem: its place (`file:line`), and what is wrong with what to do.

        The same problem in other places is shown once, with the number of places.
        """
        self.total += 1
        if what in self._first:
            self._times[what] += 1
        elif len(self._first) < SHOWN_PROBLEMS:
            self._first[what] = place
            self._times[what] = 1

    def add_all(self, lines: Iterator[str], total: int) -> None:
        """Count `total` problems; of their lines (place and problem in one) only those shown are read."""
        taken = list(islice(lines, max(0, SHOWN_PROBLEMS - len(self._first))))
        for line in taken:
            self.add("", line)
        self.total += total - len(taken)

    def add_error(self, error: DataError) -> None:
        """Count every problem of an error that stopped the reading of one file."""
        self.add_all(iter(error.problems), len(error.problems))

    def shown(self) -> list[str]:
        """The first problems, one a line."""
        return [self._line(place, what, self._times[what]) for what, place in self._first.items()]

    def _line(self, place: str, what: str, times: int) -> str:
        more = f" (and {times - 1} more like it)" if times > 1 else ""
        return f"{place}: {what}{more}" if place else f"{what}{more}"

    def refuse_any(self) -> None:
        """Raise if there was a problem.

        Raises:
            DataError: the first problems, one a line, and how many more there are.
        """
        not_shown = self.total - sum(self._times.values())
        if self.total:
            raise DataError([*self.shown(), *([f"… and {not_shown} more problems"] if not_shown else [])])
