"""The lines that git writes around an unresolved conflict."""

import re

MARKER = re.compile(r"^(?:<{7}|>{7})(?: .*)?$", re.MULTILINE)
"""The first and last of them, with or without the name of a side."""


def line_of_conflict(text: str) -> int | None:
    """The line, from 1, of the first conflict in a text; None where there is none."""
    found = MARKER.search(text)
    return None if found is None else text.count("\n", 0, found.start()) + 1
