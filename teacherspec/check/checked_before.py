"""Validates a declaration once: what the same code accepted before, it accepts again.

A build starts with the whole check, then `dvc repro` starts a dozen processes that each would import the
sections of all stages to do it again.
"""

import json
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from teacherspec.check.parsing.read_bytes import MOST_BYTES
from teacherspec.runtime.atomic_io import read_json, sha256_bytes, write_json
from teacherspec.runtime.file_stamp import stamp

PASSED = Path(".scratch/check/passed.json")
"""The last declaration that passed here, and the code that passed it."""


def check_once(file: Path) -> None:
    """Validate `file`, unless this very content passed with this very code before.

    The check reads nothing else. A declaration that fails is never remembered.

    Raises:
        DeclarationError: holds every problem as `file:line:column: key: what is wrong`.
    """
    content = _content(file)
    if _passed(content):
        return
    run = import_module("teacherspec.check.run")  # by name: a caller does not wait for its imports
    run.check(file)
    with suppress(OSError):  # a read-only disk: checked again next time
        if _content(file) == content:
            write_json(PASSED, {"declaration": sha256_bytes(content), "code": _code(), "python": sys.version})


def _content(file: Path) -> bytes:
    """At most one byte more than a declaration may have; empty where there is no readable file."""
    try:
        if not file.is_file():
            return b""
        with file.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except OSError:  # which the check reports
        return b""


def _passed(content: bytes) -> bool:
    """Whether the record is of this content, this Python and files of code that were not written since."""
    try:
        record: dict[str, Any] = read_json(PASSED)
        return (
            record["declaration"] == sha256_bytes(content)
            and record["python"] == sys.version
            and all(list(stamp(Path(path))) == before for path, before in record["code"].items())
        )
    except (OSError, json.JSONDecodeError, KeyError, TypeError, AttributeError):
        return False  # no record, or no longer one


def _code() -> dict[str, list[int]]:
    """Every file of code in this process, libraries too → its stamp."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    paths = [Path(file).absolute() for file in files if file]
    return {str(path): list(stamp(path)) for path in paths if path.is_file()}
