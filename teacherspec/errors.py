"""Mistakes that a user can fix: all problems at once, one on each line, never a traceback."""

from collections.abc import Sequence


class UserError(Exception):
    """One or more problems in what the user gave, all found before the first is shown.

    Each problem is one line: where (`file:line: field`), what is wrong, what is allowed, what to do.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class DeclarationError(UserError):
    """The declaration (`params.yaml`) is wrong."""


class DataError(UserError):
    """The rows are wrong, or too few, for the declared task."""


class BaseModelError(UserError):
    """The base model cannot be trusted, loaded or fitted to the task."""
