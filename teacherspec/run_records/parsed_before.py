"""Parsed YAML, remembered by its text: a parser in Python needs a tenth of a second for `dvc.lock`."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import read_json, sha256_bytes, write_text

FOLDER = Path(".scratch/parsed")


def parsed_once(text: str, name: str, root: Path, parse: Callable[[str], Any]) -> Any:
    """What `parse` gives for `text`; from the last time, if it was the same.

    Args:
        text: to parse.
        name: path of the file it is from, below the root; its last text is remembered.
        root: of the repository.
        parse: gives nested values. What JSON cannot hold exactly, such as a date, is not remembered.

    Raises:
        Exception: whatever `parse` raises.
    """
    path, digest = root / FOLDER / f"{name.replace('/', '_')}.json", sha256_bytes(text.encode())
    with suppress(OSError, ValueError, TypeError, KeyError):  # never parsed, or no longer such a file
        record = read_json(path)
        if record["text"] == digest:
            return record["values"]
    values = parse(text)
    with suppress(OSError, ValueError, TypeError):  # a read-only disk, or values that are not of JSON
        found = json.dumps({"text": digest, "values": values}, allow_nan=False)
        if json.loads(found)["values"] == values:
            write_text(path, found)
    return values
