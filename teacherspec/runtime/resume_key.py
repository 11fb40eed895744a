"""Work that a kill interrupts, found again by the name of all that determines it."""

import hashlib
import sys
from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import encode_json, sha256_file

PACKAGE = Path(__file__).resolve().parent


def loaded_code() -> dict[str, str]:
    """SHA-256 of every module of this library that is loaded now, by path within the library."""
    files = {
        Path(str(module.__file__)).resolve() for module in list(sys.modules.values()) if _has_file(module)
    }
    own = sorted(file for file in files if file.is_relative_to(PACKAGE) and file.suffix == ".py")
    return {str(file.relative_to(PACKAGE)): sha256_file(file) for file in own}


def _has_file(module: Any) -> bool:
    return isinstance(vars(module).get("__file__"), str)


def run_key(determinants: Any) -> str:
    """Hex name of a work, from everything that determines it (a JSON-able value)."""
    return hashlib.sha256(encode_json(determinants).encode()).hexdigest()[:32]
