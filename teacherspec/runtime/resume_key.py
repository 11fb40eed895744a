"""Names for scratch folders of long work, derived from everything that determines its result.

Work that was killed is found again under the same name; a changed value, input or line of code never finds
what an earlier version left.
"""

import sys
from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import encode_json, sha256_bytes, sha256_file

LIBRARY = Path(__file__).resolve().parents[1]
"""Folder of the whole library, `teacherspec/`."""


def loaded_code() -> dict[str, str]:
    """SHA-256 of every module of this library that is loaded now, by path within the library."""
    files = {
        Path(str(module.__file__)).resolve() for module in list(sys.modules.values()) if _has_file(module)
    }
    own = sorted(file for file in files if file.is_relative_to(LIBRARY) and file.suffix == ".py")
    return {file.relative_to(LIBRARY).as_posix(): sha256_file(file) for file in own}


def _has_file(module: Any) -> bool:
    return isinstance(vars(module).get("__file__"), str)


def run_key(determinants: Any) -> str:
    """Hex name of the work that these determinants (a value that JSON can encode) decide."""
    return sha256_bytes(encode_json(determinants).encode())[:32]
