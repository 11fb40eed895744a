"""Classes that may be others misspelt."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

COMMONER = 10
"""How many times the rows of a class another must have to be what was meant."""

_ALIKE = 0.75
_DIGITS = re.compile(r"\d+")


def misspelt(rows: Mapping[str, int], rare: str) -> str | None:
    """The class that a rare one may be a misspelling of: written alike, and far more common; or None.

    Names that differ in their digits only are names of their own.

    Args:
        rows: class → rows.
        rare: one of the classes.
    """
    common = [name for name, count in rows.items() if count >= COMMONER * max(1, rows[rare])]
    folded = {name.casefold(): name for name in common if _without_digits(name) != _without_digits(rare)}
    close = get_close_matches(rare.casefold(), folded, n=1, cutoff=_ALIKE)
    return folded[close[0]] if close else None


def _without_digits(name: str) -> str:
    return _DIGITS.sub("0", name)
