"""Classes that may be misspellings of others."""

import re
from collections.abc import Mapping
from difflib import get_close_matches

COMMONER = 10
"""How many times more rows a class must have to be the intended spelling of a rare one."""

_MIN_SIMILARITY = 0.75
_DIGITS = re.compile(r"\d+")


def misspelt(rows: Mapping[str, int], rare: str) -> str | None:
    """The class that a rare one may be a misspelling of: similarly spelt and far more common; or None.

    Names that differ only in digits are different names.

    Args:
        rows: class → rows.
        rare: one of the classes.
    """
    common = [name for name, count in rows.items() if count >= COMMONER * max(1, rows[rare])]
    folded = {name.casefold(): name for name in common if _without_digits(name) != _without_digits(rare)}
    close = get_close_matches(rare.casefold(), folded, n=1, cutoff=_MIN_SIMILARITY)
    return folded[close[0]] if close else None


def _without_digits(name: str) -> str:
    return _DIGITS.sub("0", name)
