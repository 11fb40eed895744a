"""A value that was found by looking at the data, and why."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Guess:
    """One guess, shown to the person who can correct it.

    Attributes:
        key: dotted key of `params.yaml`.
        value: what is declared.
        reason: what in the data it follows from.
    """

    key: str
    value: Any
    reason: str
