"""Lines on the terminal: whatever they hold, they stay lines of text."""

import sys

from teacherspec.runtime.escaping import printable_lines


def print_lines(*lines: str) -> None:
    """Print lines to stdout; what they quote from data, files and packages cannot act on the terminal.

    What the encoding of the terminal lacks is written as an escape.
    """
    encoding = sys.stdout.encoding or "utf-8"
    text = printable_lines(lines)
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
