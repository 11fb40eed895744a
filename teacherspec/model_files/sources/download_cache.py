"""Fetched bases, kept in a scratch folder under the hash of what was asked for."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from teacherspec.runtime.atomic_io import encode_json, new_folder, sha256_bytes, sha256_file, write_json


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`, by relative name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def fetch_once(pin: Mapping[str, Any], scratch: Path, fetch: Callable[[Path], None]) -> Path:
    """The folder that `fetch` fills for the immutable `pin`; fetched again if a byte of it changed.

    Args:
        pin: names immutable content: a commit or the hash of an archive.
        scratch: parent of all fetched bases.
        fetch: fills an empty folder, or raises and leaves no trace.
    """
    folder = scratch / sha256_bytes(encode_json(dict(pin)).encode())[:16]
    record = folder.with_suffix(".json")
    if folder.is_dir() and record.is_file() and record.read_text("utf-8") == encode_json(hash_files(folder)):
        return folder
    record.unlink(missing_ok=True)
    with new_folder(folder) as fresh:
        fetch(fresh)
    write_json(record, hash_files(folder))
    return folder
